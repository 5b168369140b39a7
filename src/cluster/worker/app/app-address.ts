import type { Adapter, AppServer } from '../../../adapter/contract.js';
import type { BoundAddress, ListenAddress } from '../../../connection.js';
import type { LimpetError } from '../../../errors.js';
import { worker } from '../worker.js';

/** The settings of `limpet start` for the address of an app that was not written for limpet. */
export interface AppAddressSettings {
  /**
   * The port to which clients connect. limpet serves the app's listen() on this port, or on port 0. Without `port` and `path`, limpet
   * serves the first listen() that the app calls.
   */
  readonly port?: number;
  readonly path?: string;
  /** Replaces the host that the app asks for. */
  readonly host?: string;
}

/** Called with the result of {@link AppAddress.serve}. */
export interface ListenResult {
  bound(address: BoundAddress): void;
  failed(error: LimpetError): void;
}

/** An app that does not listen at its address within this time of its start gets a warning. */
const warnAfterMs = 5000;

/** Decides which of an app's listen() calls are for its clients, and serves those by limpet. The others stay Node's. */
export class AppAddress {
  readonly #settings: AppAddressSettings;
  /** The addresses that limpet serves or is asked to serve. */
  readonly #served: Set<string> = new Set();
  /** The app's ports: the one in the settings or first asked for, and those that the system chose for port 0. */
  readonly #ports: Set<number> = new Set();
  #path: string | undefined;
  /** The other addresses on which the app listens, for the warning. */
  readonly #otherAddresses: Set<string> = new Set();

  constructor(settings: AppAddressSettings) {
    this.#settings = settings;
    this.#reset();
    // All workers run the same app. One of them warns.
    if (process.env.LIMPET_SLOT === '0') setTimeout(() => this.#warnIfUnserved(), warnAfterMs).unref();
  }

  /** Returns the address at which limpet must serve if the app listens on `asked`. Undefined if that is not for its clients. */
  resolve(asked: ListenAddress): ListenAddress | undefined {
    const address = 'path' in asked ? this.#resolvePath(asked) : this.#resolvePort(asked);
    if (!address) this.#otherAddresses.add('path' in asked ? asked.path : `port ${asked.port}`);
    return address && this.#served.has(keyOf(address)) ? undefined : address;
  }

  /** Serves at the address as `worker.listen()` does, and reports the result. */
  serve(served: AppServer, address: ListenAddress, result: ListenResult): void {
    const key = keyOf(address);
    this.#served.add(key);
    const makeAdapter = (closedByApp: () => void): Adapter => {
      const adapter = served.adapter(closedByApp);
      const { listen } = adapter;
      adapter.listen = (bound, backlog) => {
        if ('port' in bound) this.#ports.add(bound.port);
        listen.call(adapter, bound, backlog);
        result.bound(bound);
      };
      adapter.failed = (error) => {
        this.#served.delete(key);
        if (this.#served.size === 0) this.#reset();
        result.failed(error);
      };
      return adapter;
    };
    worker.listen({ ...served, adapter: makeAdapter }, address);
  }

  /** Forgets the addresses that the app asked for. An app that cannot bind its first address may then try another. */
  #reset(): void {
    const { port, path } = this.#settings;
    this.#ports.clear();
    if (port !== undefined) this.#ports.add(port);
    this.#path = path;
  }

  /** Whether limpet serves the next listen() on any address. */
  get #acceptsAny(): boolean {
    const { port, path } = this.#settings;
    return this.#served.size === 0 && port === undefined && path === undefined;
  }

  #resolvePath(asked: Extract<ListenAddress, { path: string }>): ListenAddress | undefined {
    if (!this.#acceptsAny && asked.path !== this.#path) return undefined;
    this.#path = asked.path;
    return asked;
  }

  #resolvePort(asked: Extract<ListenAddress, { port: number }>): ListenAddress | undefined {
    const { port = asked.port, host = asked.host } = this.#settings;
    const replacesZero = asked.port === 0 && this.#settings.port !== undefined && this.#served.size === 0;
    if (!this.#acceptsAny && !replacesZero && !this.#ports.has(asked.port)) return undefined;
    if (this.#acceptsAny && asked.port !== 0) this.#ports.add(asked.port);
    return { ...asked, port: replacesZero ? port : asked.port, host };
  }

  #warnIfUnserved(): void {
    if (this.#served.size > 0) return;
    const { port, path = port } = this.#settings;
    process.stderr.write(
      this.#otherAddresses.size === 0
        ? `limpet: the app has not called listen() for ${warnAfterMs / 1000} seconds since its start. No client is served until it does.\n`
        : `limpet: the app listens on ${[...this.#otherAddresses].join(', ')}, but limpet was told that clients connect to ${path}. ` +
            'Set --port to the port of the app, or make the app listen on process.env.PORT.\n',
    );
  }
}

function keyOf(address: ListenAddress): string {
  return 'path' in address ? address.path : `${address.host}:${address.port}`;
}
