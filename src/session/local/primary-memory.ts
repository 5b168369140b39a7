import cluster, { type Worker } from 'node:cluster';
import { type ErrorCode, LimpetError } from '../../errors.js';
import {
  type Backend,
  type BackendListener,
  type BackendStatus,
  type Replaced,
  type Row,
  storeAway,
  storeClosed,
} from '../core/backend.js';
import { before, Late } from '../core/deadline.js';
import { MemoryBackend } from './memory-backend.js';

/**
 * Session memory in the primary, asked by its workers over Node's own IPC channel. Node delivers messages whose `cmd`
 * begins with NODE_ as 'internalMessage' and never as 'message', so the application's own messages are not disturbed.
 */
const cmd = 'NODE_LIMPET_SESSION';

/** The questions: these methods of {@link MemoryBackend}, and what a worker wants to be told of. */
interface Questions {
  read(sid: string): Promise<Row | undefined>;
  create(sid: string, raw: string, ttlMs: number): Promise<void>;
  replace(sid: string, known: string | null, raw: string, ttlMs: number): Promise<Replaced>;
  touch(sid: string, ttlMs: number): Promise<boolean>;
  remove(sid: string): Promise<void>;
  sids(): Promise<string[]>;
  follow(sid: string): Promise<void>;
  unfollow(sid: string): Promise<void>;
  status(): Promise<BackendStatus>;
}

interface Question {
  cmd: string;
  number: number;
  call: keyof Questions;
  values: never[];
}

type Told =
  | {
      cmd: string;
      number: number;
      value?: unknown;
      error?: { code: ErrorCode; message: string; facts: object };
    }
  | { cmd: string; changed: string };

const bytesMaxDefault = 64 * 1024 * 1024;

let served = false;

/** Answers go to the process, so all stores of a process number their questions together. */
let questions = 0;

/**
 * Makes this primary keep the sessions of LocalStores in its workers, those that it has and those that it will fork.
 * limpet's router calls it; call it in a primary of your own. `bytesMax` bounds the memory (default 64 MiB).
 * Idempotent; costs nothing until a worker asks. Throws ERR_LIMPET_ROLE in a worker.
 */
export function serveSessionMemory({ bytesMax = bytesMaxDefault }: { bytesMax?: number } = {}): void {
  if (!cluster.isPrimary)
    throw new LimpetError('ERR_LIMPET_ROLE', 'serveSessionMemory() is for the primary; this is a worker.');
  if (served) return;
  served = true;
  new PrimaryMemory(bytesMax).serve();
}

class PrimaryMemory {
  readonly #memory: MemoryBackend;
  readonly #followers = new Map<string, Set<Worker>>();

  constructor(bytesMax: number) {
    this.#memory = new MemoryBackend(bytesMax);
  }

  serve(): void {
    const quiet = (): void => undefined;
    this.#memory.listen({ changed: (sid) => this.#tell(sid), up: quiet, down: quiet, degraded: quiet });
    for (const worker of Object.values(cluster.workers ?? {})) if (worker) this.#attach(worker);
    cluster.on('fork', (worker) => this.#attach(worker));
  }

  #attach(worker: Worker): void {
    worker.process.on('internalMessage' as never, (message: Question) => {
      if (message?.cmd === cmd && message.call) void this.#answer(worker, message);
    });
    worker.process.once('exit', () => {
      for (const sid of this.#followers.keys()) this.#unfollow(worker, sid);
    });
  }

  async #answer(worker: Worker, { number, call, values }: Question): Promise<void> {
    const memory = this.#memory;
    const calls: Questions = {
      read: (sid) => memory.read(sid),
      create: (sid, raw, ttlMs) => memory.create(sid, raw, ttlMs),
      replace: (sid, known, raw, ttlMs) => memory.replace(sid, known ?? undefined, raw, ttlMs),
      touch: (sid, ttlMs) => memory.touch(sid, ttlMs),
      remove: (sid) => memory.remove(sid),
      sids: async () => {
        const sids: string[] = [];
        for await (const batch of memory.list()) sids.push(...batch);
        return sids;
      },
      follow: async (sid) => this.#follow(worker, sid),
      unfollow: async (sid) => this.#unfollow(worker, sid),
      status: async () => memory.status(),
    };
    try {
      const value: unknown = await (calls[call] as (...given: never[]) => Promise<unknown>)(...values);
      say(worker.process, { cmd, number, value });
    } catch (error) {
      const { code, message, facts } = error as LimpetError;
      say(worker.process, {
        cmd,
        number,
        error: { code: code ?? 'ERR_LIMPET_STORE', message, facts: facts ?? {} },
      });
    }
  }

  #follow(worker: Worker, sid: string): void {
    this.#memory.follow(sid);
    const followers = this.#followers.get(sid);
    if (followers) followers.add(worker);
    else this.#followers.set(sid, new Set([worker]));
  }

  #unfollow(worker: Worker, sid: string): void {
    const followers = this.#followers.get(sid);
    if (!followers?.delete(worker) || followers.size > 0) return;
    this.#followers.delete(sid);
    this.#memory.unfollow(sid);
  }

  #tell(sid: string | undefined): void {
    if (sid === undefined) return;
    for (const worker of this.#followers.get(sid) ?? []) say(worker.process, { cmd, changed: sid });
  }
}

/** The worker's side: a backend whose rows are in the primary. */
export class PrimaryMemoryBackend implements Backend {
  readonly #timeoutMs: number;
  readonly #asked = new Map<number, { resolve: (value: never) => void; reject: (error: unknown) => void }>();
  #listener: BackendListener | undefined;
  #status: BackendStatus = { kind: 'primary-memory', up: true };
  #closed = false;
  readonly #hear = (message: Told): void => this.#told(message);

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    process.on('internalMessage' as never, this.#hear as never);
  }

  read(sid: string): Promise<Row | undefined> {
    return this.#ask('read', sid);
  }

  create(sid: string, raw: string, ttlMs: number): Promise<void> {
    return this.#ask('create', sid, raw, ttlMs);
  }

  replace(sid: string, known: string | undefined, raw: string, ttlMs: number): Promise<Replaced> {
    return this.#ask('replace', sid, known ?? null, raw, ttlMs);
  }

  touch(sid: string, ttlMs: number): Promise<boolean> {
    return this.#ask('touch', sid, ttlMs);
  }

  remove(sid: string): Promise<void> {
    return this.#ask('remove', sid);
  }

  async *list(): AsyncGenerator<string[]> {
    yield await this.#ask('sids');
  }

  follow(sid: string): void {
    this.#ask('follow', sid).catch(() => undefined);
  }

  unfollow(sid: string): void {
    this.#ask('unfollow', sid).catch(() => undefined);
  }

  listen(listener: BackendListener): void {
    this.#listener = listener;
  }

  /** The primary's figures as of the last call. */
  status(): BackendStatus {
    this.#ask('status').then(
      (status) => {
        this.#status = { ...status, kind: 'primary-memory' };
      },
      () => {
        this.#status = { ...this.#status, up: false };
      },
    );
    return this.#status;
  }

  async close(): Promise<void> {
    this.#closed = true;
    process.off('internalMessage' as never, this.#hear as never);
    for (const { reject } of this.#asked.values()) reject(storeClosed());
    this.#asked.clear();
  }

  async #ask<C extends keyof Questions>(
    call: C,
    ...values: Parameters<Questions[C]>
  ): Promise<Awaited<ReturnType<Questions[C]>>> {
    if (this.#closed) throw storeClosed();
    const number = ++questions;
    const answer = new Promise<never>((resolve, reject) => this.#asked.set(number, { resolve, reject }));
    if (!say(process, { cmd, number, call, values })) {
      this.#asked.delete(number);
      throw storeAway('The primary, which keeps the sessions, is gone');
    }
    try {
      return await before(performance.now() + this.#timeoutMs, answer);
    } catch (error) {
      if (!(error instanceof Late)) throw error;
      throw storeAway(
        `The primary did not answer within ${this.#timeoutMs} ms. It keeps the sessions if it runs limpet.listen(), or calls serveSessionMemory() itself.`,
        { timeoutMs: this.#timeoutMs },
      );
    } finally {
      this.#asked.delete(number);
    }
  }

  #told(message: Told): void {
    if (message?.cmd !== cmd) return;
    if ('changed' in message) {
      this.#listener?.changed(message.changed);
      return;
    }
    const asked = this.#asked.get(message.number);
    const { error } = message;
    if (error) asked?.reject(new LimpetError(error.code, error.message, { ...error.facts }));
    else asked?.resolve(message.value as never);
  }
}

interface IpcEnd {
  readonly connected: boolean;
  send?: (
    message: never,
    handle: undefined,
    options: undefined,
    callback: (error: Error | null) => void,
  ) => boolean;
}

/** False when the other side is gone. A message lost on the way shows as an answer that does not come. */
function say(end: IpcEnd, message: object): boolean {
  if (!end.connected || !end.send) return false;
  end.send(message as never, undefined, undefined, () => undefined);
  return true;
}
