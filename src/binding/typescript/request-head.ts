/**
 * HTTP/1 request heads. Request smuggling: a head that two parsers could read differently is `unreadable`, so that the router never takes a
 * key from it.
 */

/**
 * A head with more header lines is unreadable. Node drops the lines beyond its own limit, and uWebSockets.js refuses more than 100. A line that
 * the worker does not see must not yield a key.
 */
const HEADER_LINES_MAX = 100;

/**
 * - `complete`: the blank line has arrived, and all bytes before it conform to RFC 9112.
 * - `unreadable`: not HTTP/1.0 or 1.1, or a head that two parsers could read differently: obs-fold, a bare CR or LF, NUL and other control
 *   characters, white space before a colon, more than HEADER_LINES_MAX lines.
 */
export type HeadShape = 'partial' | 'complete' | 'unreadable';

/** `name` is in lower case, `value` has no white space at its ends. Bytes are Latin-1 characters. */
export interface HeaderLine {
  readonly name: string;
  readonly value: string;
}

export interface RequestHead {
  readonly target: string;
  readonly lines: readonly HeaderLine[];
}

type State = (char: number) => State;

/** The state of a scan. Each byte is read once. The shape depends only on the stream, not on its portions. */
export class HeadScan {
  /** The number of bytes read. When the head is complete, its length, with the blank line. */
  scanned = 0;
  #lines = 0;
  #state: State = methodStart;

  /** `stream` begins with the bytes of the call before. */
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

/** Parses a head whose shape is `complete`. */
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
