import { connect, type Socket } from 'node:net';
import { type ErrorCode, LimpetError } from '../errors.js';
import { Lines, line, parseAnswer } from './protocol.js';
import { type SocketFile, socketFiles } from './runtime-directory.js';

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: LimpetError) => void;
}

/**
 * The control sockets of this user's running routers, of one name or of all. If two have one name, the one that serves comes first.
 */
export async function runningRouters(name?: string): Promise<SocketFile[]> {
  const files = socketFiles(name);
  const states = await Promise.all(files.map(({ path }) => livenessOf(path)));
  return files.filter((_, index) => states[index] === 'alive');
}

/** Whether a process listens at `path`. `unknown` if the attempt to connect does not show it, for example because the backlog is full. */
export function livenessOf(path: string): Promise<'alive' | 'dead' | 'unknown'> {
  return connectTo(path).then(
    (socket) => {
      socket.destroy();
      return 'alive';
    },
    ({ code }) => (['ECONNREFUSED', 'ENOENT', 'ENOTSOCK'].includes(code) ? 'dead' : 'unknown'),
  );
}

function connectTo(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** A connection to the control socket of a running router. */
export class ControlClient {
  readonly #socket: Socket;
  readonly #waiting: Map<number, Waiting> = new Map();
  #lastId = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const lines = new Lines(Number.POSITIVE_INFINITY);
    socket.on('data', (chunk) => {
      for (const text of lines.of(chunk as unknown as Buffer)) this.#handleAnswer(text);
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#failAll(routerExited()));
  }

  /** Rejects with ERR_LIMPET_CONTROL if no process listens at `path`. */
  static async connect(path: string): Promise<ControlClient> {
    return connectTo(path).then(
      (socket) => new ControlClient(socket),
      () => Promise.reject(routerExited()),
    );
  }

  /** Runs a command in the router. Rejects with the router's LimpetError, or with ERR_LIMPET_CONTROL if the router exits before it answers. */
  ask(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      if (!this.#socket.writable) {
        reject(routerExited());
        return;
      }
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(line({ id, command, args }));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #handleAnswer(text: string): void {
    const answer = parseAnswer(text);
    const error =
      answer?.error &&
      new LimpetError(answer.error.code as ErrorCode, answer.error.message, { remote: true });
    if (!answer || answer.id === null) {
      this.#failAll(error ?? routerExited());
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

function routerExited(): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_CONTROL',
    'the router exited before it answered. Check with "limpet status" what runs, and repeat the command.',
  );
}
