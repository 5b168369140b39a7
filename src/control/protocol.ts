/**
 * What is said on a control socket. A request and an answer are one JSON object and a line end each:
 *
 *     → {"limpet":1,"id":7,"command":"scale","args":{"workers":4}}
 *     ← {"limpet":1,"id":7,"result":null}
 *     ← {"limpet":1,"id":7,"error":{"code":"ERR_LIMPET_OPTION","message":"…"}}
 *
 * Answers come in the order in which they are ready. What is no request is answered once, with an `id` of null, and the
 * connection is closed.
 */
import { LimpetError } from '../errors.js';

/** Raised when an older limpet could misunderstand a newer one. */
const protocolVersion = 1;

/** The longest request, in bytes. An answer has no limit: whoever asks trusts the router. */
export const requestBytesMax = 65_536;

export interface Request {
  readonly id: number;
  readonly command: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export interface Answer {
  readonly limpet: number;
  /** That of the request; null when it could not be read. */
  readonly id: number | null;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

/** What a command does. What it returns, or resolves to, is the answer; it checks its arguments itself. */
export type Command = (args: Readonly<Record<string, unknown>>) => unknown;

/** Name → what it does. */
export type Commands = Readonly<Record<string, Command>>;

export function line(message: object): string {
  return `${JSON.stringify({ limpet: protocolVersion, ...message })}\n`;
}

/** Throws ERR_LIMPET_CONTROL when the line is no request of this version. */
export function parseRequest(text: string): Request {
  const message = parseObject(text);
  if (message?.limpet !== protocolVersion) {
    throw notUnderstood(
      message && 'limpet' in message
        ? `it speaks protocol ${JSON.stringify(message.limpet)}, this router ${protocolVersion}. Use the limpet that the router runs`
        : 'expected a JSON object with limpet, id and command in one line',
    );
  }
  const { id, command, args = {} } = message;
  if (!Number.isSafeInteger(id) || typeof command !== 'string' || !isObject(args)) {
    throw notUnderstood('expected id to be a whole number, command a text, args an object');
  }
  return { id: id as number, command, args };
}

/** Undefined when the line is no answer. */
export function parseAnswer(text: string): Answer | undefined {
  const message = parseObject(text);
  return message && 'id' in message ? (message as unknown as Answer) : undefined;
}

/** Cuts a stream into lines. */
export class Lines {
  readonly #bytesMax: number;
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** @param bytesMax the longest line; Infinity where the other side is trusted. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The lines that `chunk` completes. Throws ERR_LIMPET_CONTROL when one becomes too long; the stream is then of no use. */
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
    if (this.#bytes > this.#bytesMax) throw notUnderstood(`it is longer than ${this.#bytesMax} bytes`);
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

function notUnderstood(why: string): LimpetError {
  return new LimpetError('ERR_LIMPET_CONTROL', `what came over the control socket is no request: ${why}.`);
}
