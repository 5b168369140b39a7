import { connect, type Socket } from 'node:net';
import { type ErrorCode, LimpetError } from '../errors.js';
import { Lines, line, parseAnswer } from './protocol.js';
import { type SocketFile, socketFiles } from './runtime-directory.js';

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: LimpetError) => void;
}

/** The sockets of this user's routers that live, of one name or of all; of one name the one that serves comes first. */
export async function runningRouters(name?: string): Promise<SocketFile[]> {
  const files = socketFiles(name);
  const lives = await Promise.all(files.map(({ path }) => lifeAt(path)));
  return files.filter((_, index) => lives[index] === 'alive');
}

/** Whether a process listens at `path`. `unknown` where that cannot be told, as of one that is too busy to say. */
export function lifeAt(path: string): Promise<'alive' | 'dead' | 'unknown'> {
  return reach(path).then(
    (socket) => {
      socket.destroy();
      return 'alive';
    },
    ({ code }) => (['ECONNREFUSED', 'ENOENT', 'ENOTSOCK'].includes(code) ? 'dead' : 'unknown'),
  );
}

function reach(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** A conversation with a running router. */
export class ControlClient {
  readonly #socket: Socket;
  readonly #waiting: Map<number, Waiting> = new Map();
  #asked = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const lines = new Lines(Number.POSITIVE_INFINITY);
    socket.on('data', (chunk) => {
      for (const text of lines.of(chunk as unknown as Buffer)) this.#answered(text);
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#failAll(gone()));
  }

  /** Rejects with ERR_LIMPET_CONTROL when nobody listens at `path`. */
  static async connect(path: string): Promise<ControlClient> {
    return reach(path).then(
      (socket) => new ControlClient(socket),
      () => Promise.reject(gone()),
    );
  }

  /** Rejects with the router's own LimpetError, or with ERR_LIMPET_CONTROL when it goes away before it answers. */
  ask(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    const id = ++this.#asked;
    return new Promise((resolve, reject) => {
      if (!this.#socket.writable) {
        reject(gone());
        return;
      }
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(line({ id, command, args }));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #answered(text: string): void {
    const answer = parseAnswer(text);
    const error =
      answer?.error &&
      new LimpetError(answer.error.code as ErrorCode, answer.error.message, { remote: true });
    if (!answer || answer.id === null) {
      this.#failAll(error ?? gone());
      return;
    }
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (error) waiting?.reject(error);
    else waiting?.resolve(answer.result);
  }

  #failAll(error: LimpetError): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

function gone(): LimpetError {
  return new LimpetError('ERR_LIMPET_CONTROL', 'the router went away before it answered.');
}
