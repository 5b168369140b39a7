/** HTTP/1 request heads, read so strictly that no two readers could read differently what is read here. */
/**
 * Header lines beyond this many make a head unreadable. Node drops what exceeds its own limit and uWebSockets.js
 * refuses more than 100: a line that the worker never sees must not steer.
 */
const HEADER_LINES_MAX = 100;
/** Where a scan stands: each byte is looked at once, and the shape is a property of the stream, not of its portions. */
export class HeadScan {
    /** Bytes looked at; the head's length, the blank line included, once it is complete. */
    scanned = 0;
    #lines = 0;
    #state = methodStart;
    /** `stream` holds at least what the call before saw. */
    scan(stream) {
        while (this.scanned < stream.length && this.#state !== done && this.#state !== broken) {
            const before = this.#state;
            this.#state = before(stream[this.scanned++]);
            if (before === lineStart && this.#state === name && ++this.#lines > HEADER_LINES_MAX)
                this.#state = broken;
        }
        return this.#state === done ? 'complete' : this.#state === broken ? 'unreadable' : 'partial';
    }
}
/** Takes a complete head apart. */
export function parseHead(head) {
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
export function trimWhitespace(text) {
    return text.replace(/^[ \t]+|[ \t]+$/g, '');
}
const SPACE = 0x20;
const TAB = 0x09;
const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;
const VERSION = Buffer.from('HTTP/1.');
const TOKEN = new Set(Buffer.from("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"));
const isVisible = (char) => char > SPACE && char !== 0x7f;
const methodStart = (char) => (TOKEN.has(char) ? method : broken);
const method = (char) => (TOKEN.has(char) ? method : char === SPACE ? targetStart : broken);
const targetStart = (char) => (isVisible(char) ? target : broken);
const target = (char) => (isVisible(char) ? target : char === SPACE ? version(0) : broken);
const version = (matched) => (char) => {
    if (matched === VERSION.length)
        return char === 0x30 || char === 0x31 ? requestLineEnd : broken;
    return char === VERSION[matched] ? version(matched + 1) : broken;
};
const requestLineEnd = (char) => (char === CR ? lineFeed : broken);
const lineFeed = (char) => (char === LF ? lineStart : broken);
const lineStart = (char) => (char === CR ? lastLineFeed : TOKEN.has(char) ? name : broken);
const name = (char) => (TOKEN.has(char) ? name : char === COLON ? value : broken);
const value = (char) => {
    if (isVisible(char) || char === SPACE || char === TAB)
        return value;
    return char === CR ? lineFeed : broken;
};
const lastLineFeed = (char) => (char === LF ? done : broken);
const done = () => done;
const broken = () => broken;
