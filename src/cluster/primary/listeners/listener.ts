import type { BoundAddress, RawHandle } from '../../../connection.js';
import type { LimpetError } from '../../../errors.js';
import type { HandoffMessage, PrimaryHandoff, WorkerEndpoint } from '../../../handoff/contract.js';
import type { PrimaryMessage } from '../../protocol.js';
import type { HandoffChoice, HandoffOption } from './handoff-choice.js';

/** The part of a worker process that a listener needs. */
export interface ListeningProcess {
  /** The keys of the listeners that the app in the process has asked for. */
  readonly asked: Set<string>;
  /** The channel through which one listener's handoff sends to the process. */
  endpointFor(listener: number): WorkerEndpoint;
  send(message: PrimaryMessage): boolean;
}

/** One listening address of the router: its handoff, and the worker processes that are attached to it. */
export class Listener {
  handoff: PrimaryHandoff;
  choice: HandoffChoice;
  bound: BoundAddress | undefined;
  /** True if the primary itself asked for the address. A process is then ready only after it has opened this listener. */
  declared = false;
  /** Resolves with the address that was bound. Rejects with the LimpetError that says why none was. */
  readonly opened: Promise<BoundAddress>;
  readonly #endpoints: Map<ListeningProcess, WorkerEndpoint> = new Map();

  /** Begins to open at once, with the first of `options`. There must be at least one. */
  constructor(
    readonly id: number,
    readonly key: string,
    options: readonly HandoffOption[],
    /** The listener of the direct ports, which the same servers serve. Undefined if there are none. */
    readonly direct: Listener | undefined = undefined,
  ) {
    const [first, ...others] = options as readonly [HandoffOption, ...HandoffOption[]];
    this.handoff = first.handoff;
    this.choice = { name: first.name, reason: first.reason };
    this.opened = this.#openWithDirect(others);
    this.opened.catch(() => {});
  }

  /** The process takes its slot's connections from now on. No-op if it is attached. */
  attach(worker: ListeningProcess): void {
    if (this.#endpoints.has(worker)) return;
    const endpoint = worker.endpointFor(this.id);
    this.#endpoints.set(worker, endpoint);
    this.handoff.attach(endpoint);
  }

  /** A process that had stopped accepting takes connections again. The handoff sends again what the process had not taken. */
  reattach(worker: ListeningProcess): void {
    const endpoint = this.#endpoints.get(worker);
    if (!endpoint) return;
    this.handoff.detach(endpoint, false);
    this.handoff.attach(endpoint);
  }

  /** The process takes nothing new. It stays known until it is `gone`, because it may still send messages. */
  detach(worker: ListeningProcess, gone: boolean): void {
    const endpoint = this.#endpoints.get(worker);
    if (!endpoint) return;
    if (gone) this.#endpoints.delete(worker);
    this.handoff.detach(endpoint, gone);
  }

  /** Passes a worker's message to the handoff. If the process is not attached, closes `handle`. */
  received(worker: ListeningProcess, message: HandoffMessage, handle?: RawHandle): void {
    const endpoint = this.#endpoints.get(worker);
    if (endpoint) this.handoff.received(endpoint, message, handle);
    else handle?.close();
  }

  /** Opens the shared address and its direct ports, or neither. */
  async #openWithDirect(others: HandoffOption[]): Promise<BoundAddress> {
    await this.direct?.opened;
    try {
      return await this.#open(others);
    } catch (error) {
      await this.direct?.handoff.close(0);
      throw error;
    }
  }

  /** Opens with the current handoff. If the system does not support it, tries the next of `others`. */
  async #open(others: HandoffOption[]): Promise<BoundAddress> {
    for (;;) {
      try {
        this.bound = await this.handoff.open();
        return this.bound;
      } catch (error) {
        const next = others.shift();
        if (!next || (error as LimpetError).code !== 'ERR_LIMPET_HANDOFF_UNSUPPORTED') throw error;
        const { handoff, reason } = (error as LimpetError).facts;
        this.handoff = next.handoff;
        this.choice = { name: next.name, reason: `${handoff} is not possible: ${reason}` };
      }
    }
  }
}
