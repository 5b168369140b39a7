import cluster, { type Worker } from 'node:cluster';
import { LimpetError } from '../../errors.js';
import { MemoryBackend } from './memory-backend.js';
import { type CallMessage, cmd, type MemoryCalls, sendMessage } from './memory-messages.js';

const bytesMaxDefault = 64 * 1024 * 1024;

let served = false;

/**
 * Keeps the sessions of LocalStores in the memory of this primary, for its present and future workers. limpet's router calls it. Call
 * it yourself in a primary of your own.
 *
 * `bytesMax` bounds the memory, in bytes; default 64 MiB. Idempotent: the first call's bound holds. Costs nothing until a worker uses
 * it. Throws ERR_LIMPET_ROLE in a worker.
 */
export function serveSessionMemory({ bytesMax = bytesMaxDefault }: { bytesMax?: number } = {}): void {
  if (!cluster.isPrimary) {
    throw new LimpetError(
      'ERR_LIMPET_ROLE',
      'serveSessionMemory() was called in a worker. Call it in the primary.',
    );
  }
  if (served) return;
  served = true;
  new PrimaryMemory(bytesMax).serve();
}

/** Answers the calls of all workers from one MemoryBackend, and reports changes to the workers that follow a row. */
class PrimaryMemory {
  readonly #memory: MemoryBackend;
  /** By sid. */
  readonly #followers = new Map<string, Set<Worker>>();

  constructor(bytesMax: number) {
    this.#memory = new MemoryBackend(bytesMax);
  }

  serve(): void {
    const ignore = (): void => undefined;
    this.#memory.listen({
      changed: (sid) => this.#reportChange(sid),
      up: ignore,
      down: ignore,
      degraded: ignore,
    });
    for (const worker of Object.values(cluster.workers ?? {})) if (worker) this.#attach(worker);
    cluster.on('fork', (worker) => this.#attach(worker));
  }

  #attach(worker: Worker): void {
    worker.process.on('internalMessage' as never, (message: CallMessage) => {
      if (message?.cmd === cmd && message.call) void this.#answer(worker, message);
    });
    worker.process.once('exit', () => {
      for (const sid of this.#followers.keys()) this.#unfollow(worker, sid);
    });
  }

  async #answer(worker: Worker, { number, call, values }: CallMessage): Promise<void> {
    const memory = this.#memory;
    const calls: MemoryCalls = {
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
      const value: unknown = await (calls[call] as (...values: never[]) => Promise<unknown>)(...values);
      sendMessage(worker.process, { cmd, number, value });
    } catch (error) {
      const { code, message, facts } = error as LimpetError;
      sendMessage(worker.process, {
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

  #reportChange(sid: string | undefined): void {
    if (sid === undefined) return;
    for (const worker of this.#followers.get(sid) ?? []) sendMessage(worker.process, { cmd, changed: sid });
  }
}
