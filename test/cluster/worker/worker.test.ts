import { EventEmitter } from 'node:events';
import { serialize } from 'node:v8';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PrimaryMessage, WorkerMessage, WorkerSettings } from '../../../src/cluster/protocol.ts';
import { LimpetWorker } from '../../../src/cluster/worker/worker.ts';
import type { ListenAddress } from '../../../src/connection.ts';
import { FakeHttpAdapter, serverOf } from './fake-adapter.ts';

const fakes = vi.hoisted(() => ({
  cluster: { isWorker: true, worker: undefined as unknown },
  isConnected: true,
  sent: [] as unknown[],
  receivers: [] as ((message: unknown, handle?: unknown) => void)[],
  exits: [] as unknown[][],
  heartbeats: [] as unknown[][],
  inboxes: [] as unknown[],
  published: [] as unknown[],
}));
vi.mock('node:cluster', () => ({ default: fakes.cluster }));
vi.mock('../../../src/cluster/protocol.ts', async (original) => ({
  ...(await original<object>()),
  receive: (_channel: unknown, take: (message: unknown, handle?: unknown) => void) =>
    fakes.receivers.push(take),
  send: (_target: unknown, message: unknown) => {
    if (fakes.isConnected) fakes.sent.push(message);
    return fakes.isConnected;
  },
}));
vi.mock('../../../src/cluster/worker/exit.ts', () => ({
  drainAndExit: (...args: unknown[]) => fakes.exits.push(args),
}));
vi.mock('../../../src/cluster/worker/heartbeat.ts', () => ({
  beginHeartbeat: (...args: unknown[]) => fakes.heartbeats.push(args),
}));
vi.mock('../../../src/binding/handoff-binding.ts', () => ({ handoffBinding: () => 'the binding' }));
vi.mock('../../../src/handoff/worker-inbox.ts', () => ({
  WorkerInbox: class {
    received = 0;
    constructor(...args: unknown[]) {
      fakes.inboxes.push({ args, inbox: this });
    }
    receive() {
      this.received += 1;
    }
  },
}));
vi.mock('../../../src/diagnostics.ts', () => ({
  publish: (name: string, payload: () => unknown) => fakes.published.push([name, payload()]),
}));

const settings: WorkerSettings = {
  workerIndex: 12,
  drainTimeoutMs: 3000,
  noticeMs: 400,
  beatMs: 100,
  signals: false,
  inherited: { from: 3, count: 0 },
};
const address: ListenAddress = { port: 80, host: undefined, ipv6Only: false, backlog: 511 };
const affinity = serialize({
  cookie: undefined,
  sidKey: Buffer.alloc(16),
  proxied: false,
  forwarding: undefined,
}).toString('base64');

let clusterWorker: EventEmitter & { exitedAfterDisconnect?: boolean };

beforeEach(() => {
  for (const list of [
    fakes.sent,
    fakes.receivers,
    fakes.exits,
    fakes.heartbeats,
    fakes.inboxes,
    fakes.published,
  ])
    list.length = 0;
  fakes.isConnected = true;
  clusterWorker = new EventEmitter();
  Object.assign(fakes.cluster, { isWorker: true, worker: clusterWorker });
});
afterEach(() => {
  delete process.env.LIMPET_SEAT;
  delete process.env.LIMPET_SLOT;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.removeAllListeners(signal);
  vi.restoreAllMocks();
});

/** A worker that limpet has forked for slot 2. */
function forked(more: Partial<WorkerSettings> = {}): LimpetWorker {
  process.env.LIMPET_SEAT = JSON.stringify({ ...settings, ...more });
  process.env.LIMPET_SLOT = '2';
  return new LimpetWorker();
}

/** A message from the primary. */
function receive(message: PrimaryMessage): void {
  for (const take of fakes.receivers) take(message);
}

/** Makes the worker listen. Returns its adapter, and what the app's own close() calls. */
function listening(worker: LimpetWorker) {
  const adapter = new FakeHttpAdapter();
  const server = serverOf(adapter);
  worker.listen(server, address);
  const asked = (fakes.sent as WorkerMessage[]).find(({ type }) => type === 'listen');
  if (asked?.type !== 'listen') throw new Error('the primary was not asked');
  const listenSettings = {
    stallTimeoutMs: 0,
    loadBounded: false,
    loadCounts: false,
    affinity,
    healthPath: '/health',
  };
  receive({
    type: 'bound',
    key: asked.key,
    listener: 0,
    address: { address: '::', family: 'IPv6', port: 80 },
    handoff: 'ipc',
    direct: undefined,
    settings: listenSettings,
  });
  return { adapter, closedByApp: () => server.closeServer() };
}

const drain = { type: 'drain', timeoutMs: 700, reason: 'reload', last: false } as const;

describe('a process that limpet did not fork', () => {
  it.each([
    ['a primary', () => Object.assign(fakes.cluster, { isWorker: false, worker: undefined })],
    ['another cluster’s worker', () => {}],
  ])('%s has no slot, and cannot listen or make session ids', (_, prepare) => {
    prepare();
    const worker = new LimpetWorker();
    expect([worker.slot, worker.cookies]).toEqual([undefined, undefined]);
    const role = expect.objectContaining({ code: 'ERR_LIMPET_ROLE' });
    expect(() => worker.listen(serverOf(new FakeHttpAdapter()), address)).toThrow(role);
    expect(() => worker.makeSid()).toThrow(role);
    expect([fakes.receivers, fakes.heartbeats]).toEqual([[], []]);
  });

  it('a primary leaves the settings of workers in its environment', () => {
    Object.assign(fakes.cluster, { isWorker: false });
    forked();
    expect(process.env.LIMPET_SEAT).toBeDefined();
  });
});

describe('a process that limpet forked', () => {
  it('has its slot, and removes the settings from the environment that its children inherit', () => {
    expect(forked().slot).toBe(2);
    expect(process.env.LIMPET_SEAT).toBeUndefined();
    expect(process.env.LIMPET_SLOT).toBe('2');
  });

  it('sends heartbeats that count its connections', () => {
    const worker = forked();
    const { adapter } = listening(worker);
    adapter.open = 4;
    const [everyMs, open, send] = fakes.heartbeats[0] as [number, () => number, (message: unknown) => void];
    send('a beat');
    expect([everyMs, open(), fakes.sent.at(-1)]).toEqual([100, 4, 'a beat']);
  });

  it('makes its inbox of the descriptors that it inherited', () => {
    forked();
    expect(fakes.inboxes).toEqual([]);
    forked({ inherited: { from: 7, count: 2 } });
    expect(fakes.inboxes).toMatchObject([
      { args: ['the binding', { slot: 2, workerIndex: 12, channel: 7, memory: 8 }] },
    ]);
  });

  it('is ready when the primary has assigned it its slot, and only then receives', async () => {
    const worker = forked({ inherited: { from: 7, count: 2 } });
    let isReady = false;
    worker.ready.then(() => {
      isReady = true;
    });
    await null;
    expect(isReady).toBe(false);
    receive({ type: 'assigned' });
    await null;
    expect(isReady).toBe(true);
    expect(fakes.inboxes).toMatchObject([{ inbox: { received: 1 } }]);
  });

  it('publishes a fault if a message cannot be sent', () => {
    const worker = forked();
    fakes.isConnected = false;
    worker.listen(serverOf(new FakeHttpAdapter()), address);
    expect(fakes.published).toEqual([['limpet:fault', { where: 'channel to the primary', error: 'listen' }]]);
  });

  it('makes session ids from its first bound listener on', () => {
    const worker = forked();
    expect(() => worker.makeSid()).toThrow(expect.objectContaining({ code: 'ERR_LIMPET_ROLE' }));
    listening(worker);
    expect(Buffer.from(worker.makeSid(), 'base64url').subarray(8, 10)).toEqual(Buffer.from([2, 12]));
  });

  it('gives the table of peers to its affinity, or ignores it before the first listener is bound', () => {
    const worker = forked();
    const table = { slots: 4, down: [], processes: [] };
    expect(() => receive({ type: 'peers', table })).not.toThrow();
    listening(worker);
    expect(() => receive({ type: 'peers', table })).not.toThrow();
  });

  it('stops and resumes its listeners', () => {
    forked();
    receive({ type: 'stop' });
    expect(fakes.sent).toEqual([{ type: 'stopped' }]);
    receive({ type: 'resume' });
    receive({ type: 'unbound', key: 'other', code: 'ERR_LIMPET_ADDRESS_IN_USE', text: '' });
    expect(fakes.sent).toHaveLength(1);
  });

  it('is healthy from the assignment until a notice', () => {
    const { adapter } = listening(forked());
    const [, isHealthy] = adapter.argumentsOf('answerHealth') as [string, () => boolean];
    const seen = [isHealthy()];
    receive({ type: 'assigned' });
    seen.push(isHealthy());
    receive({ type: 'notice' });
    seen.push(isHealthy());
    expect(seen).toEqual([false, true, false]);
    expect(adapter.calls.at(-1)).toEqual(['closeAfterAnswers']);
  });

  it('is not healthy once it drains', () => {
    const worker = forked();
    const { adapter } = listening(worker);
    receive({ type: 'assigned' });
    const [, isHealthy] = adapter.argumentsOf('answerHealth') as [string, () => boolean];
    receive(drain);
    expect(isHealthy()).toBe(false);
  });

  it('ignores an adoption: it has a slot', () => {
    const worker = forked();
    receive({ type: 'adopted', slot: 3, pass: settings });
    expect(worker.slot).toBe(2);
    expect(() => worker.adopt(serverOf(new FakeHttpAdapter()))).toThrow(
      expect.objectContaining({ code: 'ERR_LIMPET_ROLE' }),
    );
  });
});

describe('a drain', () => {
  it('is announced to the primary and to the app, and ends the process', () => {
    vi.spyOn(Date, 'now').mockReturnValue(1_000_000);
    const worker = forked();
    const { adapter } = listening(worker);
    fakes.sent.length = 0;
    const events: unknown[] = [];
    worker.on('drain', (...args) => events.push(args));
    receive(drain);
    expect(fakes.sent).toEqual([{ type: 'leaving', reason: 'reload' }, { type: 'stopped' }]);
    expect(events).toEqual([[1_000_000 + 400 + 700, 'reload']]);
    expect(fakes.exits).toEqual([[[adapter], expect.any(Promise), 400, 700]]);
  });

  it('begins once', () => {
    const worker = forked();
    let events = 0;
    worker.on('drain', () => events++);
    receive(drain);
    receive(drain);
    worker.leave('again', 1);
    expect([events, fakes.exits.length]).toEqual([1, 1]);
  });

  it.each([
    ['after a notice', () => receive({ type: 'notice' }), false],
    ['of the whole router', () => {}, true],
  ])('%s leaves no time for idle connections', (_, prepare, last) => {
    forked();
    prepare();
    receive({ ...drain, last });
    expect(fakes.exits[0]?.slice(2)).toEqual([0, 700]);
  });

  it('waits for the sessions that the app holds', async () => {
    const worker = forked();
    const end = vi.fn();
    const release = worker.hold(end);
    receive(drain);
    let isReleased = false;
    const [exit = []] = fakes.exits;
    (exit[1] as Promise<void>).then(() => {
      isReleased = true;
    });
    await null;
    expect(isReleased).toBe(false);
    release();
    await null;
    expect([isReleased, end.mock.calls]).toEqual([true, []]);
  });

  it.each([
    ['at once', () => receive({ ...drain, last: true })],
    [
      'later',
      () => {
        receive(drain);
        receive({ ...drain, last: true });
      },
    ],
  ])('ends held sessions if the whole router closes, %s', async (_, close) => {
    const worker = forked();
    const end = vi.fn();
    worker.hold(end);
    close();
    expect(end).toHaveBeenCalledOnce();
    await fakes.exits[0]?.[1];
    expect(fakes.exits).toHaveLength(1);
  });

  it('begins when the app closes its server', () => {
    listening(forked()).closedByApp();
    expect(fakes.sent).toContainEqual({ type: 'leaving', reason: 'its server was closed' });
    expect(fakes.exits[0]?.slice(2)).toEqual([400, 3000]);
  });

  it('begins when the primary is gone, which then counts as intended for Node’s cluster', () => {
    const worker = forked();
    const end = vi.fn();
    worker.hold(end);
    clusterWorker.emit('disconnect');
    expect(clusterWorker.exitedAfterDisconnect).toBe(true);
    expect(end).toHaveBeenCalledOnce();
    expect(fakes.sent).toContainEqual({ type: 'leaving', reason: 'the primary is gone' });
    expect(fakes.exits[0]?.slice(2)).toEqual([0, 3000]);
  });

  it('begins at SIGTERM, not at SIGINT or SIGHUP, if limpet handles signals', () => {
    forked({ signals: true });
    process.emit('SIGINT');
    process.emit('SIGHUP');
    expect(fakes.exits).toEqual([]);
    process.emit('SIGTERM');
    expect(fakes.sent).toContainEqual({ type: 'leaving', reason: 'SIGTERM' });
    expect(fakes.exits[0]?.slice(2)).toEqual([400, 3000]);
  });

  it('leaves signals to the app if limpet does not handle them', () => {
    forked();
    expect(['SIGTERM', 'SIGINT', 'SIGHUP'].map((signal) => process.listenerCount(signal))).toEqual([0, 0, 0]);
  });
});

describe('adopt(), in a worker that the app forked', () => {
  it('asks for a slot, and serves when it gets one', () => {
    const worker = new LimpetWorker();
    worker.adopt(serverOf(new FakeHttpAdapter()));
    expect([worker.slot, fakes.sent]).toEqual([undefined, [{ type: 'adopt' }]]);
    receive({ type: 'stop' });
    expect(fakes.sent, 'it takes no other message').toHaveLength(1);
    receive({ type: 'adopted', slot: 5, pass: settings });
    expect(worker.slot).toBe(5);
    expect(fakes.sent.at(-1)).toMatchObject({ type: 'listen', address: { port: 0, backlog: 511 } });
  });

  it('takes one slot only', () => {
    const worker = new LimpetWorker();
    worker.adopt(serverOf(new FakeHttpAdapter()));
    receive({ type: 'adopted', slot: 5, pass: settings });
    const before = fakes.sent.length;
    receive({ type: 'adopted', slot: 6, pass: settings });
    expect([worker.slot, fakes.sent.length]).toEqual([5, before]);
  });
});
