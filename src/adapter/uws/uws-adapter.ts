import { type HandoffBinding, handoffBinding } from '../../binding/handoff-binding.js';
import { bindingReport } from '../../binding/native.js';
import type { BoundAddress, RawHandle } from '../../connection.js';
import { publish } from '../../diagnostics.js';
import { LimpetError } from '../../errors.js';
import type { Adapter, AppServer } from '../contract.js';
import { healthAnswers } from '../health.js';
import { AdoptedDescriptors } from './adopted-descriptors.js';
import { UwsResponses } from './uws-responses.js';

/** An App or SSLApp of uWebSockets.js. */
export interface UwsApp {
  /** limpet recognizes an app by this method and the next. */
  filter(callback: (response: never, change: never) => void): unknown;
  /** Every app of uWebSockets.js has it, and nothing else does. */
  numSubscribers(topic: never): number;
  /** In the primary it closes the router. In a worker it makes the worker drain. */
  close(): unknown;
}

/** An app of uWebSockets.js v20.49.0 or newer. */
type AdoptingApp = UwsApp & {
  /** Takes ownership of a connected socket's descriptor. Ends the process if `fd` is not one. */
  adoptSocket(fd: number): unknown;
  get(path: string, answer: (response: UwsAnswer) => void): unknown;
};
interface UwsAnswer {
  writeStatus(status: string): UwsAnswer;
  writeHeader(name: string, value: string): UwsAnswer;
  end(body: string): unknown;
}

const lookEveryMs = 50;

/**
 * Delivers connections to a uWebSockets.js app. uWebSockets.js does not report when a WebSocket ends, so open connections are
 * counted by their descriptors. uWebSockets.js can close all connections or none, so a drain makes each response close its
 * connection. Idle connections are closed by uWebSockets.js's own idle timeout.
 */
class UwsAdapter implements Adapter {
  onClosed: (() => void) | undefined;
  readonly #app: AdoptingApp;
  readonly #binding: HandoffBinding;
  readonly #closeNow: () => void;
  readonly #responses: UwsResponses = new UwsResponses();
  #adopted: AdoptedDescriptors | undefined;
  #directPort: number | undefined;
  #draining = false;
  #closed = false;

  constructor(app: AdoptingApp, binding: HandoffBinding, closedByApp: () => void) {
    const { close } = app;
    this.#app = app;
    this.#binding = binding;
    this.#closeNow = () => close.call(app);
    app.filter((response: object) => this.#responses.observe(response));
    app.close = () => {
      if (!this.#draining) closedByApp();
      return app;
    };
  }

  get open(): number {
    return this.#adopted?.count() ?? 0;
  }

  listen(bound: BoundAddress): void {
    this.#adopted = new AdoptedDescriptors(this.#binding, bound, () => this.onClosed?.(), this.#directPort);
  }

  failed(error: LimpetError): void {
    process.nextTick(() => {
      throw error;
    });
  }

  /** uWebSockets.js gets a duplicate of the descriptor, because Node cannot release its own without closing it. */
  takeHandle(handle: RawHandle): void {
    try {
      this.takeDescriptor(this.#binding.duplicate(handle.fd));
    } catch (error) {
      publish('limpet:fault', () => ({ where: 'duplicate descriptor', error }));
    } finally {
      handle.close();
    }
  }

  takeDescriptor(fd: number): void {
    if (this.#closed || !this.#adopted) {
      this.#binding.close(fd);
      this.onClosed?.();
      return;
    }
    this.#adopted.add(fd);
    try {
      this.#app.adoptSocket(fd);
    } catch (error) {
      publish('limpet:fault', () => ({ where: 'adoptSocket', error }));
    }
  }

  answerHealth(path: string, isHealthy: () => boolean): void {
    this.#app.get(path, (response) => {
      const { status, text, body } = healthAnswers[isHealthy() ? 'healthy' : 'leaving'];
      response.writeStatus(`${status} ${text}`).writeHeader('Content-Type', 'text/plain');
      response.writeHeader('Cache-Control', 'no-store').end(body);
    });
  }

  directPorts(base: number): void {
    this.#directPort = base;
  }

  closeAfterAnswers(): void {
    this.#responses.closeConnections();
  }

  drain(done: () => void): void {
    this.#draining = true;
    this.closeAfterAnswers();
    const look = () => {
      if (this.open > 0) return;
      clearInterval(timer);
      done();
    };
    const timer = setInterval(look, lookEveryMs);
    look();
  }

  closeAll(): void {
    this.#closed = true;
    this.#closeNow();
  }
}

export function isUwsApp(given: unknown): given is UwsApp {
  const app = given as Partial<UwsApp> | null | undefined;
  return typeof app?.filter === 'function' && typeof app.numSubscribers === 'function';
}

/** Throws ERR_LIMPET_ADAPTER if the app cannot adopt connections, or if this platform or installation cannot pass them. */
export function uwsAppServer(app: UwsApp): AppServer {
  const { adopting, binding } = adoptingApp(app);
  return {
    kind: 'uws',
    tls: app.constructor.name.includes('SSL'),
    adapter: (closedByApp) => new UwsAdapter(adopting, binding, closedByApp),
    primaryStub: (close) => {
      app.close = () => {
        close().catch(() => {});
        return app;
      };
      return { bound: () => {}, failed: () => false };
    },
  };
}

function adoptingApp(app: UwsApp): { adopting: AdoptingApp; binding: HandoffBinding } {
  if (typeof (app as Partial<AdoptingApp>).adoptSocket !== 'function') {
    throw new LimpetError(
      'ERR_LIMPET_ADAPTER',
      'listen() got a uWebSockets.js app without adoptSocket(), expected uWebSockets.js v20.49.0 or newer. ' +
        'Install a newer tag: npm install uNetworking/uWebSockets.js#v20.57.0',
      { found: 'no adoptSocket()', needed: 'v20.49.0' },
    );
  }
  const binding = handoffBinding();
  if (!binding || process.platform === 'win32') {
    const reason = binding ? 'Windows has none' : `limpet's addon is not loaded: ${bindingReport().reason}`;
    throw new LimpetError(
      'ERR_LIMPET_ADAPTER',
      `listen() got a uWebSockets.js app, which takes connections as file descriptors, but ${reason}. ` +
        'On Linux and macOS, "npm rebuild limpet" builds the addon. On other systems, use a Node server.',
      { platform: process.platform, binding: bindingReport().kind },
    );
  }
  return { adopting: app as AdoptingApp, binding };
}
