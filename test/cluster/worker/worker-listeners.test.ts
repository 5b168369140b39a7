import { serialize } from 'node:v8';
import { beforeEach, describe, expect, it } from 'vitest';
import type { WorkerMessage } from '../../../src/cluster/protocol.ts';
import { WorkerListeners } from '../../../src/cluster/worker/worker-listeners.ts';
import type { ListenAddress, RawHandle } from '../../../src/connection.ts';
import type { HandoffName } from '../../../src/handoff/contract.ts';
import type { WorkerInbox } from '../../../src/handoff/worker-inbox.ts';
import { FakeAdapter, FakeHttpAdapter, serverOf } from './fake-adapter.ts';

const address: ListenAddress = { port: 80, host: '127.0.0.1', ipv6Only: false, backlog: 99 };
const boundAddress = { address: '127.0.0.1', family: 'IPv4', port: 80 } as const;
const affinity = serialize({
  cookie: undefined,
  sidKey: Buffer.alloc(16),
  proxied: false,
  forwarding: undefined,
}).toString('base64');
const settings = { stallTimeoutMs: 0, loadBounded: false, loadCounts: false, affinity };

let sent: WorkerMessage[];
let healthy: boolean;
let inboxCalls: unknown[][];
let listeners: WorkerListeners;
let made: number;

/** An inbox that records its calls. */
function fakeInbox(): WorkerInbox {
  const names = ['receive', 'open', 'accept', 'stopAccepting', 'close', 'countClosed'] as const;
  const record =
    (name: string) =>
    (...args: unknown[]) =>
      inboxCalls.push([name, ...args]);
  return Object.fromEntries(names.map((name) => [name, record(name)])) as unknown as WorkerInbox;
}

function makeListeners(inbox?: WorkerInbox): WorkerListeners {
  return new WorkerListeners({
    slot: 3,
    workerIndex: 7,
    inbox,
    send: (message) => sent.push(message),
    isHealthy: () => healthy,
  });
}

/** Calls listen(). Returns the adapter, and the key by which the primary was asked. */
function listen<A extends FakeAdapter>(adapter: A, at: ListenAddress = address) {
  listeners.listen(serverOf(adapter), at, () => {});
  const asked = sent.at(-1);
  if (asked?.type !== 'listen') throw new Error('the primary was not asked');
  return { adapter, key: asked.key };
}

/** The primary's answer. */
function bound(key: string, more: object = {}): void {
  const handoff: HandoffName = 'ipc';
  const message = { type: 'bound' as const, key, listener: 5, address: boundAddress, handoff };
  listeners.bound({ ...message, direct: undefined, settings, ...more });
}

/** A listener that is bound, as number 5 if no other is given. The second of a test has port 1001, the third 1002. */
function listening<A extends FakeAdapter>(adapter: A, more: object = {}): A {
  const port = made === 0 ? 80 : 1000 + made;
  made += 1;
  bound(listen(adapter, { ...address, port }).key, more);
  return adapter;
}

interface FakeHandle extends RawHandle {
  closed: number;
}
function fakeHandle(): FakeHandle {
  const handle = {
    fd: 21,
    closed: 0,
    close: () => {
      handle.closed += 1;
    },
  };
  return handle;
}

/** Delivers a connection to listener 5 as the primary half of ipc does. Returns what is sent in answer. */
function deliver(listener = 5): { handle: FakeHandle; answer: unknown } {
  const handle = fakeHandle();
  const before = sent.length;
  listeners.received({ type: 'handoff', listener, body: { seq: 1, at: 1e15 } }, handle);
  const [answer] = sent.slice(before);
  return { handle, answer: answer?.type === 'handoff' ? answer.body : answer };
}

beforeEach(() => {
  sent = [];
  healthy = true;
  inboxCalls = [];
  made = 0;
  listeners = makeListeners();
});

describe('a second server on an address of this worker', () => {
  it.each([
    ['that is bound', () => listening(new FakeAdapter())],
    ['that the primary has not answered', () => listen(new FakeAdapter()).adapter],
  ])('%s is refused, as in Node, and the first one is not asked again', (_when, first) => {
    const one = first();
    const two = new FakeAdapter();
    const before = sent.length;
    listeners.listen(serverOf(two), address, () => {});
    expect(sent).toHaveLength(before);
    expect(two.argumentsOf('failed')).toMatchObject([{ code: 'ERR_LIMPET_ADDRESS_IN_USE' }]);
    expect(one.calls.filter(([name]) => name === 'failed')).toEqual([]);
  });

  it('may try again when the first one was refused', () => {
    const { key } = listen(new FakeAdapter());
    listeners.unbound({ type: 'unbound', key, code: 'ERR_LIMPET_ADDRESS_DENIED', text: 'not permitted' });
    expect(listen(new FakeAdapter()).key).toBe(key);
  });
});

describe('listen()', () => {
  it('asks the primary to bind the address for this kind of server', () => {
    listeners.listen({ ...serverOf(new FakeAdapter()), kind: 'uws', tls: true }, address, () => {});
    expect(sent).toEqual([
      { type: 'listen', key: '127.0.0.1:80:false', address, server: { kind: 'uws', tls: true } },
    ]);
    expect(listeners.affinity).toBeUndefined();
  });

  it('gives each listen() on port 0 a key of its own', () => {
    const keys = [0, 0].map((port) => listen(new FakeAdapter(), { ...address, port }).key);
    expect(keys).toEqual(['127.0.0.1:0:false#0', '127.0.0.1:0:false#1']);
  });

  it('passes on that the app closed its server', () => {
    const server = serverOf(new FakeAdapter());
    let closings = 0;
    listeners.listen(server, address, () => closings++);
    server.closeServer();
    expect(closings).toBe(1);
  });
});

describe('bound()', () => {
  it('makes the server listen, then reports the listener as open', () => {
    const { adapter, key } = listen(new FakeAdapter());
    sent = [];
    bound(key);
    expect(adapter.calls).toEqual([['listen', boundAddress, 99]]);
    expect(sent).toEqual([{ type: 'open', listener: 5 }]);
    expect(listeners.affinity?.makeSid()).toHaveLength(20);
  });

  it('serves a direct port by the same server, and reports that listener first', () => {
    const { adapter, key } = listen(new FakeHttpAdapter());
    sent = [];
    bound(key, { direct: { listener: 6, handoff: 'ipc', base: 4000 } });
    expect(adapter.calls).toEqual([
      ['directPorts', 4000, 3, 80],
      ['listen', boundAddress, 99],
    ]);
    expect(sent).toEqual([
      { type: 'open', listener: 6 },
      { type: 'open', listener: 5 },
    ]);
    expect([deliver(5).answer, deliver(6).answer]).toEqual([{ took: 1 }, { took: 1 }]);
  });

  it('serves a direct port by a server that cannot be told of it', () => {
    const adapter = listening(new FakeAdapter(), { direct: { listener: 6, handoff: 'ipc', base: 4000 } });
    expect(adapter.calls).toEqual([['listen', boundAddress, 99]]);
  });

  it('makes the server answer health checks by the health of the process', () => {
    const adapter = listening(new FakeHttpAdapter(), { settings: { ...settings, healthPath: '/health' } });
    const [path, isHealthy] = adapter.argumentsOf('answerHealth') as [string, () => boolean];
    expect([path, isHealthy()]).toEqual(['/health', true]);
    healthy = false;
    expect(isHealthy()).toBe(false);
  });

  it('leaves health checks to the app if there is no path', () => {
    expect(listening(new FakeHttpAdapter()).calls.map(([name]) => name)).toEqual(['listen']);
  });

  it('does nothing for a key that nobody asked for', () => {
    bound('127.0.0.1:81:false');
    expect(sent).toEqual([]);
    expect(listeners.affinity).toBeUndefined();
    expect(deliver().answer).toBeUndefined();
  });

  it('does nothing the second time', () => {
    const { adapter, key } = listen(new FakeAdapter());
    bound(key);
    bound(key, { listener: 8 });
    expect(adapter.calls).toHaveLength(1);
    expect(sent.filter(({ type }) => type === 'open')).toEqual([{ type: 'open', listener: 5 }]);
  });

  it('opens nothing after leave()', () => {
    const { adapter, key } = listen(new FakeAdapter());
    expect(listeners.leave()).toEqual([adapter]);
    sent = [];
    bound(key);
    expect(adapter.calls).toEqual([]);
    expect(sent).toEqual([]);
    expect(listeners.leave()).toEqual([]);
  });

  it('makes the server set the affinity cookie, ahead of everything else', () => {
    const seal = { name: 'limpet', node: 'here', key: Buffer.alloc(16), hoursMax: 24 };
    const cookie = { seal, attributes: {} };
    const withCookie = serialize({ cookie, sidKey: Buffer.alloc(16), proxied: false, forwarding: undefined });
    const adapter = listening(new FakeHttpAdapter(), {
      settings: { ...settings, affinity: withCookie.toString('base64') },
    });
    expect(adapter.calls.map(([name]) => name)).toEqual(['eachRequest', 'listen']);
  });

  it('makes one affinity for all listeners', () => {
    listening(new FakeAdapter());
    const first = listeners.affinity;
    listening(new FakeAdapter(), { listener: 9 });
    expect(listeners.affinity).toBe(first);
  });
});

describe('unbound()', () => {
  const refusal = { type: 'unbound', code: 'ERR_LIMPET_ADDRESS_IN_USE', text: 'it is taken' } as const;

  it('reports the error to the server, once', () => {
    const { adapter, key } = listen(new FakeAdapter());
    listeners.unbound({ ...refusal, key });
    listeners.unbound({ ...refusal, key });
    expect(adapter.argumentsOf('failed')).toEqual([
      expect.objectContaining({ code: 'ERR_LIMPET_ADDRESS_IN_USE', message: 'it is taken' }),
    ]);
    bound(key);
    expect(adapter.calls).toHaveLength(1);
    expect(listeners.leave()).toEqual([]);
  });

  it('does nothing for a key that nobody asked for', () => {
    const { adapter } = listen(new FakeAdapter());
    listeners.unbound({ ...refusal, key: 'other' });
    expect(adapter.calls).toEqual([]);
    expect(listeners.leave()).toEqual([adapter]);
  });
});

describe('handoffs', () => {
  it('ipc: a connection reaches the adapter of its listener', () => {
    const adapter = listening(new FakeAdapter());
    const { handle, answer } = deliver();
    expect(answer).toEqual({ took: 1 });
    expect(adapter.argumentsOf('takeHandle')).toEqual([handle, undefined, undefined]);
    expect(handle.closed).toBe(0);
  });

  it('a message for an unknown listener is ignored', () => {
    listening(new FakeAdapter());
    expect(deliver(4).answer).toBeUndefined();
  });

  it('kernel and fd: the listener is opened in the inbox, which counts closed connections', () => {
    listeners = makeListeners(fakeInbox());
    const adapter = listening(new FakeAdapter(), { handoff: 'kernel' });
    const other = listening(new FakeAdapter(), { handoff: 'fd', listener: 6 });
    expect(inboxCalls).toEqual([
      ['open', 5, adapter],
      ['open', 6, other],
    ]);
    adapter.onClosed?.();
    other.onClosed?.();
    expect(inboxCalls.slice(2)).toEqual([['countClosed'], ['countClosed']]);
  });

  it('kernel: the inbox accepts from the socket that the primary sends', () => {
    listeners = makeListeners(fakeInbox());
    listening(new FakeAdapter(), { handoff: 'kernel' });
    const handle = fakeHandle();
    listeners.received({ type: 'handoff', listener: 5, body: { accept: true } }, handle);
    expect(inboxCalls.at(-1)).toEqual(['accept', 5, 21]);
    expect(handle.closed).toBe(1);
    listeners.received({ type: 'handoff', listener: 5, body: { close: true } }, undefined);
    expect(sent.at(-1)).toEqual({ type: 'handoff', listener: 5, body: { closed: true } });
  });

  it('fd: messages are ignored', () => {
    listeners = makeListeners(fakeInbox());
    listening(new FakeAdapter(), { handoff: 'fd' });
    listeners.received({ type: 'handoff', listener: 5, body: { close: true } }, undefined);
    expect(inboxCalls).toHaveLength(1);
    expect(sent.filter(({ type }) => type === 'handoff')).toEqual([]);
  });

  it('ipc with an inbox: connections still come by ipc', () => {
    listeners = makeListeners(fakeInbox());
    listening(new FakeAdapter());
    expect(inboxCalls).toEqual([]);
    expect(deliver().answer).toEqual({ took: 1 });
  });

  it('receiveConnections() begins to receive by the inbox, if there is one', () => {
    listeners.receiveConnections();
    listeners = makeListeners(fakeInbox());
    listeners.receiveConnections();
    expect(inboxCalls).toEqual([['receive']]);
  });
});

describe('stop() and resume()', () => {
  const stopped = () => sent.filter(({ type }) => type === 'stopped').length;

  it('a worker without listeners has stopped at once', () => {
    listeners.stop();
    expect(sent).toEqual([{ type: 'stopped' }]);
  });

  it('a stop is reported once, when all handoffs have stopped', () => {
    listeners = makeListeners(fakeInbox());
    for (const [i, handoff] of ['fd', 'kernel', 'ipc'].entries())
      listening(new FakeAdapter(), { handoff, listener: i });
    inboxCalls = [];
    listeners.stop();
    expect(inboxCalls).toEqual([
      ['close', 0],
      ['close', 1],
    ]);
    expect(stopped()).toBe(1);
  });

  it('a second stop is reported again', () => {
    listening(new FakeAdapter());
    listeners.stop();
    listeners.stop();
    expect(stopped()).toBe(2);
  });

  it('a connection that comes after the stop is given back', () => {
    const adapter = listening(new FakeAdapter());
    listeners.stop();
    const { handle, answer } = deliver();
    expect(answer).toEqual({ returned: 1 });
    expect(handle.closed).toBe(1);
    expect(adapter.calls).toEqual([['listen', boundAddress, 99]]);
  });

  it('a listener that is bound after the stop takes nothing until resume()', () => {
    const { key } = listen(new FakeAdapter());
    listeners.stop();
    bound(key);
    expect(deliver().answer).toEqual({ returned: 1 });
    listeners.resume();
    expect(deliver().answer).toEqual({ took: 1 });
    expect(stopped()).toBe(1);
  });

  it('resume() opens every listener again, also those bound later', () => {
    listeners = makeListeners(fakeInbox());
    const adapter = listening(new FakeAdapter(), { handoff: 'fd' });
    listeners.stop();
    inboxCalls = [];
    listeners.resume();
    const later = listening(new FakeAdapter(), { handoff: 'kernel', listener: 6 });
    expect(inboxCalls).toEqual([
      ['open', 5, adapter],
      ['open', 6, later],
    ]);
  });

  it('resume() after leave() does nothing', () => {
    listening(new FakeAdapter());
    listeners.leave();
    listeners.resume();
    expect(deliver().answer).toEqual({ returned: 1 });
  });
});

describe('leave()', () => {
  it('stops, and returns the adapters that are bound and those that are not yet', () => {
    const first = listening(new FakeAdapter());
    const { adapter: second } = listen(new FakeAdapter(), { ...address, port: 81 });
    expect(listeners.leave()).toEqual([first, second]);
    expect(sent.at(-1)).toEqual({ type: 'stopped' });
  });
});

it('counts the open connections of all bound listeners', () => {
  const [first, second] = [listening(new FakeAdapter()), listening(new FakeAdapter(), { listener: 6 })];
  const { adapter: unbound } = listen(new FakeAdapter(), { ...address, port: 81 });
  [first.open, second.open, unbound.open] = [2, 5, 100];
  expect(listeners.open).toBe(7);
});

it('closeAfterAnswers() reaches the bound listeners', () => {
  const adapter = listening(new FakeAdapter());
  const { adapter: unbound } = listen(new FakeAdapter(), { ...address, port: 81 });
  listeners.closeAfterAnswers();
  expect(adapter.calls.at(-1)).toEqual(['closeAfterAnswers']);
  expect(unbound.calls).toEqual([]);
});
