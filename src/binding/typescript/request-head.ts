/** HTTP/1 request heads, read so strictly that no two readers could read differently what is read here. */

/**
 * Header lines beyond this many make a head unreadable. Node drops what exceeds its own limit and uWebSockets.js
 * refuses more than 100: a line that the worker never sees must not steer.
 */
const HEADER_LINES_MAX = 100;

/**
 * - `complete`: the blank line has come, and every byte before it is as RFC 9112 wants it.
 * - `unreadable`: not HTTP/1.0 or 1.1, or written in a way that two readers could read differently: obs-fold, a
 *   bare CR or LF, NUL and other controls, white space before a colon, more than HEADER_LINES_MAX lines.
 */
export type HeadShape = 'partial' | 'complete' | 'unreadable';

/** `name` in lower case, `value` without the white space around it; bytes as Latin-1 characters. */
export interface HeaderLine {
  readonly name: string;
  readonly value: string;
}

export interface RequestHead {
  readonly target: string;
  readonly lines: readonly HeaderLine[];
}

type State = (char: number) => State;

/** Where a scan stands: each byte is looked at once, and the shape is a property of the stream, not of its portions. */
export class HeadScan {
  /** Bytes looked at; the head's length, the blank line included, once it is complete. */
  scanned = 0;
  #lines = 0;
  #state: State = methodStart;

  /** `stream` holds at least what the call before saw. */
  scan(stream: Uint8Array): HeadShape {
    while (this.scanned < stream.length && this.#state !== done && this.#state !== broken) {
      const before = this.#state;
      this.#state = before(stream[this.scanned++] as number);
      if (before === lineStart && this.#state === name && ++this.#lines > HEADER_LINES_MAX)
        this.#state = broken;
    }
    return this.#state === done ? 'complete' : this.#state === broken ? 'unreadable' : 'partial';
  }
}

/** Takes a complete head apart. */
export function parseHead(head: Uint8Array): RequestHead {
  const [requestLine = '', ...lines] = Buffer.from(head).toString('latin1').slice(0, -4).split('\r\n');
  return {
    target: requestLine.split(' ')[1] ?? '',
    lines: lines.map((line) => {
      const colon = line.indexOf(':');
      return { name: line.slice(0, colon).toLowerCase(), value: trimWhitespace(line.slice(colon + 1)) };
    }),
  };
}

/** `text` without spaces and tabs at its ends. */
export function trimWhitespace(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}

const SPACE = 0x20;
const TAB = 0x09;
const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;
const VERSION = Buffer.from('HTTP/1.');
const TOKEN = new Set(
  Buffer.from("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
);

const isVisible = (char: number): boolean => char > SPACE && char !== 0x7f;

const methodStart: State = (char) => (TOKEN.has(char) ? method : broken);
const method: State = (char) => (TOKEN.has(char) ? method : char === SPACE ? targetStart : broken);
const targetStart: State = (char) => (isVisible(char) ? target : broken);
const target: State = (char) => (isVisible(char) ? target : char === SPACE ? version(0) : broken);
const version =
  (matched: number): State =>
  (char) => {
    if (matched === VERSION.length) return char === 0x30 || char === 0x31 ? requestLineEnd : broken;
    return char === VERSION[matched] ? version(matched + 1) : broken;
  };
const requestLineEnd: State = (char) => (char === CR ? lineFeed : broken);
const lineFeed: State = (char) => (char === LF ? lineStart : broken);
const lineStart: State = (char) => (char === CR ? lastLineFeed : TOKEN.has(char) ? name : broken);
const name: State = (char) => (TOKEN.has(char) ? name : char === COLON ? value : broken);
const value: State = (char) => {
  if (isVisible(char) || char === SPACE || char === TAB) return value;
  return char === CR ? lineFeed : broken;
};
const lastLineFeed: State = (char) => (char === LF ? done : broken);
const done: State = () => done;
const broken: State = () => broken;
