import { chmodSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { publish } from '../diagnostics.js';
import { LimpetError } from '../errors.js';
import { lifeAt } from './client.js';
import {
  type Answer,
  type Commands,
  Lines,
  line,
  parseRequest,
  type Request,
  requestBytesMax,
} from './protocol.js';
import { makeSocketPath, socketFiles } from './runtime-directory.js';

export interface ControlOptions {
  readonly name: string;
  readonly commands: Commands;
  /** A process of the same name that this one is about to replace, and that may live beside it. */
  readonly replaces?: number;
}

const connectionsMax = 32;
/** Requests of one connection that may be under way. */
const requestsMax = 16;
/** A connection without a request under way is closed after so long. */
const idleMs = 60_000;
/** An asker that does not read its answers is let go beyond so many bytes. */
const unreadBytesMax = 4_194_304;

/** Answers the `limpet` command of the same user, over a socket that nobody else can open. */
export class ControlServer {
  readonly path: string;
  readonly #commands: Commands;
  readonly #server: Server;
  readonly #connections: Map<Socket, { underWay: number }> = new Map();
  #closing = false;

  private constructor(path: string, commands: Commands) {
    this.path = path;
    this.#commands = commands;
    this.#server = createServer((socket) => this.#meet(socket));
    this.#server.maxConnections = connectionsMax;
    // The router's life is its workers'; a socket to ask about it prolongs nothing.
    this.#server.unref();
  }

  /**
   * Rejects with ERR_LIMPET_NAME_IN_USE when a living process has the name, of two that start at once the later one, and with
   * ERR_LIMPET_CONTROL when there is no place for the socket. Sockets that dead processes left are removed.
   */
  static async open({ name, commands, replaces }: ControlOptions): Promise<ControlServer> {
    const path = makeSocketPath(name);
    const own = new ControlServer(path, commands);
    await own.#listen();
    // Own socket first, then the look around: of two that start at once at least one sees the other.
    const files = socketFiles(name);
    const born = files.findIndex((file) => file.path === path);
    for (const [index, file] of files.entries()) {
      if (file.path === path || file.pid === replaces) continue;
      const life = await lifeAt(file.path);
      if (life === 'dead') removeIfThere(file.path);
      else if (index < born || file.born === 0n) {
        await own.close();
        throw nameInUse(name, file.pid);
      }
    }
    return own;
  }

  /** Takes no new request; resolves when every answer that was under way is on its way. The socket is gone from its directory. */
  close(): Promise<void> {
    this.#closing = true;
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#connections.keys()) this.#endIfIdle(socket);
    });
  }

  async #listen(): Promise<void> {
    try {
      await listenOn(this.#server, this.path);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const refuse = () =>
        new LimpetError(
          'ERR_LIMPET_CONTROL',
          `the control socket ${this.path} cannot be had: ${message}.`,
          {},
          error,
        );
      // An earlier process of our own number, dead, or one in another container that shares the directory.
      if (code !== 'EADDRINUSE' || (await lifeAt(this.path)) !== 'dead') throw refuse();
      removeIfThere(this.path);
      await listenOn(this.#server, this.path);
    }
    if (process.platform !== 'win32') chmodSync(this.path, 0o600);
    this.#server.on('error', (error) => publish('limpet:fault', () => ({ where: 'control socket', error })));
  }

  #meet(socket: Socket): void {
    this.#connections.set(socket, { underWay: 0 });
    const lines = new Lines(requestBytesMax);
    socket.setTimeout(idleMs, () => this.#endIfIdle(socket));
    socket.on('close', () => this.#connections.delete(socket));
    // What befalls an asker's connection is the asker's.
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      try {
        for (const text of lines.of(chunk as unknown as Buffer)) this.#request(socket, text);
      } catch (error) {
        socket.removeAllListeners('data').resume();
        answer(socket, { id: null, error: inWords(error) });
        socket.end();
      }
    });
  }

  /** Throws ERR_LIMPET_CONTROL when the text is no request. */
  #request(socket: Socket, text: string): void {
    const { id, command, args } = parseRequest(text);
    const connection = this.#connections.get(socket);
    if (!connection) return;
    connection.underWay += 1;
    this.#run(command, args, connection.underWay)
      .then(
        (result) => answer(socket, { id, result: result ?? null }),
        (error) => answer(socket, { id, error: inWords(error) }),
      )
      .then(() => {
        connection.underWay -= 1;
        if (this.#closing) this.#endIfIdle(socket);
      });
  }

  async #run(command: string, args: Request['args'], underWay: number): Promise<unknown> {
    const run = Object.hasOwn(this.#commands, command) ? this.#commands[command] : undefined;
    if (this.#closing) throw refusal('the router is closing');
    if (underWay > requestsMax) throw refusal(`more than ${requestsMax} requests at once`);
    if (run) return run(args);
    const known = Object.keys(this.#commands).sort().join(', ');
    throw refusal(`the router knows no command ${JSON.stringify(command.slice(0, 64))}; it knows ${known}`);
  }

  #endIfIdle(socket: Socket): void {
    if (this.#connections.get(socket)?.underWay === 0) socket.end();
  }
}

function answer(socket: Socket, message: Omit<Answer, 'limpet'>): void {
  if (!socket.writable) return;
  socket.write(line(message));
  if (socket.writableLength > unreadBytesMax) socket.destroy();
}

function refusal(why: string): LimpetError {
  return new LimpetError('ERR_LIMPET_CONTROL', `${why}.`);
}

function inWords(error: unknown): { code: string; message: string } {
  if (error instanceof LimpetError) return { code: error.code, message: error.message };
  publish('limpet:fault', () => ({ where: 'control command', error }));
  return {
    code: 'ERR_LIMPET_CONTROL',
    message: `the command failed: ${error instanceof Error ? error.message : error}`,
  };
}

function listenOn(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Somebody else was quicker.
  }
}

function nameInUse(name: string, pid: number): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_NAME_IN_USE',
    `a router named ${name} runs already, as process ${pid}. Give this one another --name, or end that one with "limpet stop --name ${name}".`,
    { name, pid },
  );
}
