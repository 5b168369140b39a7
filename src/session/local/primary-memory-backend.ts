import { LimpetError } from '../../errors.js';
import type { Backend, BackendListener, BackendStatus, Replaced, Row } from '../core/backend.js';
import { awaitUntil, Late } from '../core/deadline.js';
import { storeAway, storeClosed } from '../core/store-errors.js';
import { cmd, type MemoryCalls, type PrimaryMessage, sendMessage } from './memory-messages.js';

/** Numbers of calls, unique in this process: every store of the process sees every answer. */
let lastNumber = 0;

/** Rows in the memory of the primary. Runs in a worker, and asks `PrimaryMemory` over IPC. */
export class PrimaryMemoryBackend implements Backend {
  readonly #timeoutMs: number;
  /** Calls in flight, by number. */
  readonly #calls = new Map<number, { resolve: (value: never) => void; reject: (error: unknown) => void }>();
  #listener: BackendListener | undefined;
  #status: BackendStatus = { kind: 'primary-memory', up: true };
  #closed = false;
  readonly #onMessage = (message: PrimaryMessage): void => this.#receive(message);

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    process.on('internalMessage' as never, this.#onMessage as never);
  }

  read(sid: string): Promise<Row | undefined> {
    return this.#call('read', sid);
  }

  create(sid: string, raw: string, ttlMs: number): Promise<void> {
    return this.#call('create', sid, raw, ttlMs);
  }

  replace(sid: string, known: string | undefined, raw: string, ttlMs: number): Promise<Replaced> {
    return this.#call('replace', sid, known ?? null, raw, ttlMs);
  }

  touch(sid: string, ttlMs: number): Promise<boolean> {
    return this.#call('touch', sid, ttlMs);
  }

  remove(sid: string): Promise<void> {
    return this.#call('remove', sid);
  }

  async *list(): AsyncGenerator<string[]> {
    yield await this.#call('sids');
  }

  follow(sid: string): void {
    this.#call('follow', sid).catch(() => undefined);
  }

  unfollow(sid: string): void {
    this.#call('unfollow', sid).catch(() => undefined);
  }

  listen(listener: BackendListener): void {
    this.#listener = listener;
  }

  /** Returns the primary's status as of the previous call, and asks for a new one. */
  status(): BackendStatus {
    this.#call('status').then(
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
    process.off('internalMessage' as never, this.#onMessage as never);
    for (const { reject } of this.#calls.values()) reject(storeClosed());
    this.#calls.clear();
  }

  async #call<C extends keyof MemoryCalls>(
    call: C,
    ...values: Parameters<MemoryCalls[C]>
  ): Promise<Awaited<ReturnType<MemoryCalls[C]>>> {
    if (this.#closed) throw storeClosed();
    const number = ++lastNumber;
    const answer = new Promise<never>((resolve, reject) => this.#calls.set(number, { resolve, reject }));
    if (!sendMessage(process, { cmd, number, call, values })) {
      this.#calls.delete(number);
      throw storeAway(
        'The primary, which keeps the sessions, is gone: its IPC channel is closed. Restart the cluster.',
      );
    }
    try {
      return await awaitUntil(performance.now() + this.#timeoutMs, answer);
    } catch (error) {
      if (!(error instanceof Late)) throw error;
      throw storeAway(
        `The primary did not answer within ${this.#timeoutMs} ms. It keeps sessions only if it runs limpet.listen() or calls serveSessionMemory().`,
        { timeoutMs: this.#timeoutMs },
      );
    } finally {
      this.#calls.delete(number);
    }
  }

  #receive(message: PrimaryMessage): void {
    if (message?.cmd !== cmd) return;
    if ('changed' in message) {
      this.#listener?.changed(message.changed);
      return;
    }
    const inFlight = this.#calls.get(message.number);
    const { error } = message;
    if (error) inFlight?.reject(new LimpetError(error.code, error.message, { ...error.facts }));
    else inFlight?.resolve(message.value as never);
  }
}
