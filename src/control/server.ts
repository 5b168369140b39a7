import { chmodSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { publish } from '../diagnostics.js';
import { LimpetError } from '../errors.js';
import { livenessOf } from './client.js';
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
  /** The process id of the old primary in an upgrade. It may keep the name until this process has replaced it. */
  readonly replaces?: number;
}

const connectionsMax = 32;
/** Requests of one connection that may be in progress at once. */
const requestsMax = 16;
/** A connection without a request in progress is closed after this time. */
const idleMs = 60_000;
/** A client that has left more than this unread is disconnected. */
const unreadBytesMax = 4_194_304;

/** Answers the `limpet` command of the same user, over a unix socket that no other user can open. */
export class ControlServer {
  readonly path: string;
  readonly #commands: Commands;
  readonly #server: Server;
  readonly #connections: Map<Socket, { inProgress: number }> = new Map();
  #closing = false;

  private constructor(path: string, commands: Commands) {
    this.path = path;
    this.#commands = commands;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = connectionsMax;
    // The control socket does not keep the process alive. The workers do.
    this.#server.unref();
  }

  /**
   * Rejects with ERR_LIMPET_NAME_IN_USE if another running process has the name. If two processes start at once, the later one is
   * rejected. Rejects with ERR_LIMPET_CONTROL if no directory is usable. Removes the sockets of dead processes.
   */
  static async open({ name, commands, replaces }: ControlOptions): Promise<ControlServer> {
    const path = makeSocketPath(name);
    const own = new ControlServer(path, commands);
    await own.#listen();
    // Create the own socket before the search. If two processes start at once, at least one of them finds the other.
    const files = socketFiles(name);
    const ownIndex = files.findIndex((file) => file.path === path);
    for (const [index, file] of files.entries()) {
      if (file.path === path || file.pid === replaces) continue;
      const liveness = await livenessOf(file.path);
      if (liveness === 'dead') removeIfPresent(file.path);
      else if (index < ownIndex || file.createdNs === 0n) {
        await own.close();
        throw nameInUse(name, file.pid);
      }
    }
    return own;
  }

  /** Takes no new request, and removes the socket from its directory. Resolves when the requests in progress are answered. */
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
      const cannotOpen = () =>
        new LimpetError(
          'ERR_LIMPET_CONTROL',
          `the control socket ${this.path} cannot be opened: ${message}.`,
          {},
          error,
        );
      // The socket is from a dead process with the same process id, or from a container that shares the directory.
      if (code !== 'EADDRINUSE' || (await livenessOf(this.path)) !== 'dead') throw cannotOpen();
      removeIfPresent(this.path);
      await listenOn(this.#server, this.path);
    }
    if (process.platform !== 'win32') chmodSync(this.path, 0o600);
    this.#server.on('error', (error) => publish('limpet:fault', () => ({ where: 'control socket', error })));
  }

  #accept(socket: Socket): void {
    this.#connections.set(socket, { inProgress: 0 });
    const lines = new Lines(requestBytesMax);
    socket.setTimeout(idleMs, () => this.#endIfIdle(socket));
    socket.on('close', () => this.#connections.delete(socket));
    // An error on a client's connection does not concern the router.
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      try {
        for (const text of lines.of(chunk as unknown as Buffer)) this.#request(socket, text);
      } catch (error) {
        socket.removeAllListeners('data').resume();
        answer(socket, { id: null, error: errorFacts(error) });
        socket.end();
      }
    });
  }

  /** Throws ERR_LIMPET_CONTROL if the text is not a request. */
  #request(socket: Socket, text: string): void {
    const { id, command, args } = parseRequest(text);
    const connection = this.#connections.get(socket);
    if (!connection) return;
    connection.inProgress += 1;
    this.#run(command, args, connection.inProgress)
      .then(
        (result) => answer(socket, { id, result: result ?? null }),
        (error) => answer(socket, { id, error: errorFacts(error) }),
      )
      .then(() => {
        connection.inProgress -= 1;
        if (this.#closing) this.#endIfIdle(socket);
      });
  }

  async #run(command: string, args: Request['args'], inProgress: number): Promise<unknown> {
    const run = Object.hasOwn(this.#commands, command) ? this.#commands[command] : undefined;
    if (this.#closing) throw refusal('the router is closing and takes no command');
    if (inProgress > requestsMax)
      throw refusal(`got more than ${requestsMax} requests at once on one connection`);
    if (run) return run(args);
    const known = Object.keys(this.#commands).sort().join(', ');
    throw refusal(`got the command ${JSON.stringify(command.slice(0, 64))}, expected one of ${known}`);
  }

  #endIfIdle(socket: Socket): void {
    if (this.#connections.get(socket)?.inProgress === 0) socket.end();
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

function errorFacts(error: unknown): { code: string; message: string } {
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

function removeIfPresent(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Another process has removed it.
  }
}

export function nameInUse(name: string, pid: number): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_NAME_IN_USE',
    `a router named ${name} already runs, as process ${pid}. Give this one another --name, or stop that one: "limpet stop --name ${name}".`,
    { name, pid },
  );
}
