/**
 * The protocol of the control socket. A request is one JSON object and a line end. So is an answer:
 *
 *     → {"limpet":1,"id":7,"command":"scale","args":{"workers":4}}
 *     ← {"limpet":1,"id":7,"result":null}
 *     ← {"limpet":1,"id":7,"error":{"code":"ERR_LIMPET_OPTION","message":"…"}}
 *
 * Answers are sent in the order in which they are ready. An invalid request gets one answer, with an `id` of null. Then the server
 * closes the connection.
 */
import { LimpetError } from '../errors.js';

/** Increase it when an older limpet could misunderstand a newer one. */
const protocolVersion = 1;

/** The longest request, in bytes. An answer has no limit, because the client trusts the router. */
export const requestBytesMax = 65_536;

export interface Request {
  readonly id: number;
  readonly command: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export interface Answer {
  readonly limpet: number;
  /** The `id` of the request; null if the request could not be read. */
  readonly id: number | null;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

/** Runs one command and checks its arguments. The result, or what its promise resolves to, is the answer. */
export type Command = (args: Readonly<Record<string, unknown>>) => unknown;

export type Commands = Readonly<Record<string, Command>>;

export function line(message: object): string {
  return `${JSON.stringify({ limpet: protocolVersion, ...message })}\n`;
}

/** Throws ERR_LIMPET_CONTROL if the line is not a request of this version. */
export function parseRequest(text: string): Request {
  const message = parseObject(text);
  if (message?.limpet !== protocolVersion) {
    throw invalidRequest(
      message && 'limpet' in message
        ? `it is of protocol version ${JSON.stringify(message.limpet)}, expected ${protocolVersion}. Use the version of limpet that the router runs`
        : 'expected one line with a JSON object that has limpet, id and command',
    );
  }
  const { id, command, args = {} } = message;
  if (!Number.isSafeInteger(id) || typeof command !== 'string' || !isObject(args)) {
    throw invalidRequest('expected id to be a whole number, command a string and args an object');
  }
  return { id: id as number, command, args };
}

/** Undefined if the line is not an answer. */
export function parseAnswer(text: string): Answer | undefined {
  const message = parseObject(text);
  return message && 'id' in message ? (message as unknown as Answer) : undefined;
}

/** Splits a stream of bytes into lines. */
export class Lines {
  readonly #bytesMax: number;
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** @param bytesMax the longest line; Infinity if the peer is trusted. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The lines that `chunk` completes. Throws ERR_LIMPET_CONTROL if a line is too long. Do not use the stream after that. */
  *of(chunk: Buffer): Generator<string> {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#add(chunk.subarray(start, end));
      yield Buffer.concat(this.#pieces).toString('utf8');
      this.#pieces = [];
      this.#bytes = 0;
      start = end + 1;
    }
    this.#add(chunk.subarray(start));
  }

  #add(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#bytes > this.#bytesMax) throw invalidRequest(`it is longer than ${this.#bytesMax} bytes`);
    if (piece.length > 0) this.#pieces.push(piece);
  }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalidRequest(why: string): LimpetError {
  return new LimpetError('ERR_LIMPET_CONTROL', `the control socket received an invalid request: ${why}.`);
}
