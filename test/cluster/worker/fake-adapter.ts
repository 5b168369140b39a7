import type { Adapter, AppServer } from '../../../src/adapter/contract.ts';

/** An adapter that records its calls, in order, as lists of name and arguments. */
export class FakeAdapter implements Adapter {
  open = 0;
  onClosed: (() => void) | undefined;
  readonly calls: unknown[][] = [];

  /** The arguments of the only call of this name. */
  argumentsOf(name: string): unknown[] {
    const [call, ...others] = this.calls.filter(([called]) => called === name);
    if (!call || others.length > 0)
      throw new Error(`${name} was called ${call ? 'more than once' : 'never'}`);
    return call.slice(1);
  }

  takeDescriptor(...args: unknown[]): void {
    this.calls.push(['takeDescriptor', ...args]);
  }
  takeHandle(...args: unknown[]): void {
    this.calls.push(['takeHandle', ...args]);
  }
  listen(...args: unknown[]): void {
    this.calls.push(['listen', ...args]);
  }
  failed(...args: unknown[]): void {
    this.calls.push(['failed', ...args]);
  }
  closeAfterAnswers(): void {
    this.calls.push(['closeAfterAnswers']);
  }
  drain(...args: unknown[]): void {
    this.calls.push(['drain', ...args]);
  }
  closeAll(): void {
    this.calls.push(['closeAll']);
  }
}

/** An adapter of a Node HTTP server: it has every optional method. */
export class FakeHttpAdapter extends FakeAdapter {
  eachRequest(...args: unknown[]): void {
    this.calls.push(['eachRequest', ...args]);
  }
  answerHealth(...args: unknown[]): void {
    this.calls.push(['answerHealth', ...args]);
  }
  directPorts(...args: unknown[]): void {
    this.calls.push(['directPorts', ...args]);
  }
  forwardRequests(...args: unknown[]): void {
    this.calls.push(['forwardRequests', ...args]);
  }
  closePeerSocket(...args: unknown[]): void {
    this.calls.push(['closePeerSocket', ...args]);
  }
}

/** The app's server with this adapter. `closeServer` is what the app's own close() calls. */
export function serverOf(adapter: Adapter): AppServer & { closeServer: () => void } {
  const server = {
    kind: 'node' as const,
    tls: false,
    closeServer: () => {},
    adapter: (closedByApp: () => void) => {
      server.closeServer = closedByApp;
      return adapter;
    },
    primaryStub: () => {
      throw new Error('this is a worker');
    },
  };
  return server;
}
