import type { Adapter, AppServer } from '../../../adapter/contract.js';
import type { BoundAddress, ListenAddress } from '../../../connection.js';
import type { LimpetError } from '../../../errors.js';
import { worker } from '../worker.js';

/** What is known of the address of an app that was not written for limpet. */
export interface AppAddressSettings {
  /** Where clients come: the app's listen() there, or on port 0, is limpet's. Without it the first that the app calls is. */
  readonly port?: number;
  readonly path?: string;
  /** Instead of the host that the app asks for. */
  readonly host?: string;
}

export interface ListenResult {
  bound(address: BoundAddress): void;
  failed(error: LimpetError): void;
}

/** How long an app may take until it listens where its clients come before that is remarked on. */
const patienceMs = 5000;

/** Tells which of an app's listen() calls are for its clients, and serves those by limpet. Others are none of limpet's business. */
export class AppAddress {
  readonly #given: AppAddressSettings;
  /** What is served, or asked to be, by address. */
  readonly #served: Set<string> = new Set();
  /** The ports that are the app's: the one given or first asked for, and what a 0 became. */
  readonly #ports: Set<number> = new Set();
  #path: string | undefined;
  /** Where else the app has listened. */
  readonly #elsewhere: Set<string> = new Set();

  constructor(given: AppAddressSettings) {
    this.#given = given;
    this.#forget();
    // What one worker misses all miss.
    if (process.env.LIMPET_SLOT === '0') setTimeout(() => this.#remark(), patienceMs).unref();
  }

  /** Where limpet shall listen when the app asks for `asked`; undefined when that is not for its clients. */
  claim(asked: ListenAddress): ListenAddress | undefined {
    const address = 'path' in asked ? this.#claimPath(asked) : this.#claimPort(asked);
    if (!address) this.#elsewhere.add('path' in asked ? asked.path : `port ${asked.port}`);
    return address && this.#served.has(keyOf(address)) ? undefined : address;
  }

  /** Serves as {@link LimpetWorker.listen} does, and tells what became of it. */
  serve(served: AppServer, address: ListenAddress, hearing: ListenResult): void {
    const key = keyOf(address);
    this.#served.add(key);
    const adapter = (closedByApp: () => void): Adapter => {
      const made = served.adapter(closedByApp);
      const { listen } = made;
      made.listen = (bound, backlog) => {
        if ('port' in bound) this.#ports.add(bound.port);
        listen.call(made, bound, backlog);
        hearing.bound(bound);
      };
      made.failed = (error) => {
        this.#served.delete(key);
        if (this.#served.size === 0) this.#forget();
        hearing.failed(error);
      };
      return made;
    };
    worker.listen({ ...served, adapter }, address);
  }

  /** An app whose first choice could not be had may try another. */
  #forget(): void {
    const { port, path } = this.#given;
    this.#ports.clear();
    if (port !== undefined) this.#ports.add(port);
    this.#path = path;
  }

  /** Whether the next listen() is the app's, wherever it is. */
  get #takesAny(): boolean {
    const { port, path } = this.#given;
    return this.#served.size === 0 && port === undefined && path === undefined;
  }

  #claimPath(asked: Extract<ListenAddress, { path: string }>): ListenAddress | undefined {
    if (!this.#takesAny && asked.path !== this.#path) return undefined;
    this.#path = asked.path;
    return asked;
  }

  #claimPort(asked: Extract<ListenAddress, { port: number }>): ListenAddress | undefined {
    const { port = asked.port, host = asked.host } = this.#given;
    const zeroForGiven = asked.port === 0 && this.#given.port !== undefined && this.#served.size === 0;
    if (!this.#takesAny && !zeroForGiven && !this.#ports.has(asked.port)) return undefined;
    if (this.#takesAny && asked.port !== 0) this.#ports.add(asked.port);
    return { ...asked, port: zeroForGiven ? port : asked.port, host };
  }

  #remark(): void {
    if (this.#served.size > 0) return;
    const { port, path = port } = this.#given;
    const hint = 'Give --port the port that the app listens on, or let it listen on process.env.PORT.';
    process.stderr.write(
      this.#elsewhere.size === 0
        ? `limpet: the app has not listened anywhere for ${patienceMs / 1000} seconds; nobody is served before it does.\n`
        : `limpet: the app listens on ${[...this.#elsewhere].join(', ')}, and its clients were said to come to ${path}. ${hint}\n`,
    );
  }
}

function keyOf(address: ListenAddress): string {
  return 'path' in address ? address.path : `${address.host}:${address.port}`;
}
