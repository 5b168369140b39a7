import { describe, expect, it, vi } from 'vitest';
import type { Handoffs } from '../../../../src/cluster/primary/listeners/handoffs.ts';
import { ListenerRegistry } from '../../../../src/cluster/primary/listeners/listener-registry.ts';
import type { RouterAffinity } from '../../../../src/cluster/primary/listeners/router-affinity.ts';
import type { ListenAddress } from '../../../../src/connection.ts';
import { LimpetError } from '../../../../src/errors.ts';
import { checkRouterOptions, type RouterOptions } from '../../../../src/options.ts';
import type { SlotRing } from '../../../../src/ring/slot-ring.ts';
import { bound, FakeHandoff, fakeHandle, fakeProcess, settle } from './fake-handoff.ts';

const node = { kind: 'node', tls: false } as const;
const at = (port: number): ListenAddress => ({ port, host: '127.0.0.1', ipv6Only: false, backlog: 511 });
const inUse = new LimpetError('ERR_LIMPET_ADDRESS_IN_USE', 'port 80 is in use');
const ring = {} as SlotRing;

function registry(options: RouterOptions = {}, affinity: Partial<RouterAffinity> = {}) {
  /** The handoffs that were made for shared addresses, in their order, and for direct ports. */
  const made: FakeHandoff[] = [];
  const direct: FakeHandoff[] = [];
  const optionsFor = vi.fn((..._of: Parameters<Handoffs['optionsFor']>) => {
    const handoff = new FakeHandoff('kernel');
    made.push(handoff);
    return [handoff.option()];
  });
  const directOptionsFor = vi.fn((..._of: Parameters<Handoffs['directOptionsFor']>) => {
    const handoff = new FakeHandoff('fd');
    direct.push(handoff);
    return [handoff.option()];
  });
  const emit = vi.fn();
  const serializeSettings = vi.fn(() => 'serialized');
  const listeners = new ListenerRegistry(
    checkRouterOptions({ workers: 4, stallTimeoutMs: 700, ...options }),
    ring,
    { spreadEvenly: false, serializeSettings, ...affinity } as unknown as RouterAffinity,
    { optionsFor, directOptionsFor } as unknown as Handoffs,
    { emit },
  );
  return { listeners, made, direct, optionsFor, directOptionsFor, emit, serializeSettings };
}

describe('a registry of listeners', () => {
  it('makes a listener for each key, numbered from 0', () => {
    const { listeners, optionsFor } = registry();
    const one = listeners.get('one', at(80), node);
    const two = listeners.get('two', at(443), { kind: 'uws', tls: true });
    expect([one.id, two.id]).toEqual([0, 1]);
    expect([one.key, two.key]).toEqual(['one', 'two']);
    expect(optionsFor.mock.calls).toEqual([
      [{ id: 0, key: 'one' }, at(80), node],
      [{ id: 1, key: 'two' }, at(443), { kind: 'uws', tls: true }],
    ]);
    expect([...listeners]).toEqual([one, two]);
    expect([...listeners.all()]).toEqual([one, two]);
  });

  it('has numbers for 254 listeners, refuses one more, and numbers none that failed', async () => {
    const { listeners, made } = registry();
    for (let failed = 0; failed < 300; failed++) {
      const listener = listeners.get('taken', at(80), node);
      await settle();
      made.at(-1)?.refuse(inUse);
      await expect(listener.opened).rejects.toBe(inUse);
      await settle();
    }
    const ids = Array.from({ length: 254 }, (_, n) => listeners.get(`key ${n}`, at(1000 + n), node).id);
    expect(ids).toEqual(Array.from({ length: 254 }, (_, n) => n));
    expect(() => listeners.get('one more', at(80), node)).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_ADDRESS_UNAVAILABLE',
        message: expect.stringContaining('the router has 254 listeners'),
        facts: { address: 'one more', listeners: 254 },
      }),
    );
    expect(listeners.get('key 7', at(1007), node).id).toBe(7);
  });

  it('gives the same listener for an address that is asked for twice, before and after it is bound', async () => {
    const { listeners, made, optionsFor } = registry();
    const first = listeners.get('one', at(80), node);
    expect(listeners.get('one', at(80), node)).toBe(first);
    await settle();
    made[0]?.bind();
    await first.opened;
    expect(listeners.get('one', at(80), node)).toBe(first);
    expect(optionsFor).toHaveBeenCalledOnce();
    expect(made[0]?.open).toHaveBeenCalledOnce();
  });

  it('says once that a listener is bound', async () => {
    const { listeners, made, emit } = registry();
    listeners.get('one', at(80), node);
    await settle();
    expect(emit).not.toHaveBeenCalled();
    made[0]?.bind();
    await settle();
    expect(emit.mock.calls).toEqual([['listening', bound]]);
  });

  it('says that a listener could not be bound and forgets it, so that the next call tries again', async () => {
    const { listeners, made, emit } = registry();
    const failed = listeners.get('one', at(80), node);
    await settle();
    made[0]?.refuse(inUse);
    await expect(failed.opened).rejects.toBe(inUse);
    await settle();
    expect(emit.mock.calls).toEqual([['unbound', inUse]]);
    expect([...listeners]).toEqual([]);

    const again = listeners.get('one', at(80), node);
    expect(again).not.toBe(failed);
    expect(again.id).toBe(0);
    await settle();
    made[1]?.bind();
    await settle();
    expect(emit.mock.calls).toEqual([
      ['unbound', inUse],
      ['listening', bound],
    ]);
  });

  it('throws again at each call if no handoff is possible, and has no listener', () => {
    const { listeners, optionsFor } = registry();
    const unsupported = new LimpetError('ERR_LIMPET_HANDOFF_UNSUPPORTED', 'not here');
    optionsFor.mockImplementation(() => {
      throw unsupported;
    });
    for (let call = 0; call < 2; call++) {
      expect(() => listeners.get('one', at(80), node)).toThrow(unsupported);
      expect([...listeners]).toEqual([]);
    }
  });
});

describe('a worker that listens', () => {
  const listen = (key: string, port = 80, server: { kind: 'node' | 'uws'; tls: boolean } = node) =>
    ({ type: 'listen', key, address: at(port), server }) as const;

  it('is told the address, the handoff and its settings when the listener is bound', async () => {
    const { listeners, made, serializeSettings } = registry({ healthPath: '/health' });
    const worker = fakeProcess();
    listeners.ask(worker, listen('one'));
    expect([...worker.asked]).toEqual(['one']);
    await settle();
    expect(worker.sent).toEqual([]);
    made[0]?.bind();
    await settle();
    expect(worker.sent).toEqual([
      {
        type: 'bound',
        key: 'one',
        listener: 0,
        address: bound,
        handoff: 'kernel',
        direct: undefined,
        settings: {
          stallTimeoutMs: 700,
          loadCounts: false,
          loadBounded: false,
          affinity: 'serialized',
          healthPath: '/health',
        },
      },
    ]);
    expect(serializeSettings.mock.calls).toEqual([[ring]]);
  });

  it('gets the address of the listener that another worker has asked for', async () => {
    const { listeners, made } = registry();
    const [one, two] = [fakeProcess(0), fakeProcess(1)];
    listeners.ask(one, listen('one'));
    await settle();
    made[0]?.bind();
    await settle();
    listeners.ask(two, listen('one'));
    await settle();
    expect(made).toHaveLength(1);
    expect(two.sent).toEqual(one.sent);
  });

  it.each([
    [{ maxLoad: 1.25 }, {}, node, { loadCounts: true, loadBounded: true }],
    [{ maxLoad: 1.25 }, {}, { kind: 'node', tls: true } as const, { loadCounts: true, loadBounded: false }],
    [{}, { spreadEvenly: true }, node, { loadCounts: true, loadBounded: false }],
    [{}, {}, node, { loadCounts: false, loadBounded: false, healthPath: undefined }],
  ])(
    'reports its load if the router needs that (%o, %o, %o)',
    async (options, affinity, server, settings) => {
      const { listeners, made } = registry(options, affinity);
      const worker = fakeProcess();
      listeners.ask(worker, listen('one', 80, server));
      await settle();
      made[0]?.bind();
      await settle();
      expect(worker.sent[0]).toMatchObject({ settings });
    },
  );

  it('is told why the address could not be bound, and is told again if it asks again', async () => {
    const { listeners, made } = registry();
    const [one, two] = [fakeProcess(), fakeProcess()];
    const unbound = { type: 'unbound', key: 'one', code: inUse.code, text: inUse.message };
    listeners.ask(one, listen('one'));
    listeners.ask(two, listen('one'));
    await settle();
    made[0]?.refuse(inUse);
    await settle();
    expect(one.sent).toEqual([unbound]);
    expect(two.sent).toEqual([unbound]);

    listeners.ask(one, listen('one'));
    await settle();
    made[1]?.bind();
    await settle();
    expect(one.sent.slice(1)).toMatchObject([{ type: 'bound', listener: 0 }]);
    expect(two.sent).toHaveLength(1);
  });

  it('is refused at once if the listener is not possible', () => {
    const { listeners, optionsFor } = registry();
    optionsFor.mockImplementation(() => {
      throw new LimpetError('ERR_LIMPET_AFFINITY_TLS', 'TLS hides the head');
    });
    const worker = fakeProcess();
    listeners.ask(worker, listen('one'));
    expect(worker.sent).toEqual([
      { type: 'unbound', key: 'one', code: 'ERR_LIMPET_AFFINITY_TLS', text: 'TLS hides the head' },
    ]);
    expect([...worker.asked]).toEqual(['one']);
  });
});

describe('a message from a worker half', () => {
  it('goes to the listener that it is for, that of the direct ports included', () => {
    const { listeners, made, direct } = registry({ directPort: 9000 });
    const [one, two] = [listeners.get('one', at(80), node), listeners.get('two', at(81), node)];
    const [worker, handle] = [fakeProcess(), fakeHandle()];
    for (const listener of listeners.all()) listener.attach(worker);
    expect([one.id, two.id, one.direct?.id]).toEqual([0, 1, 254]);
    listeners.received(worker, { type: 'handoff', listener: 1, body: { took: 7 } }, handle);
    listeners.received(worker, { type: 'handoff', listener: 254, body: { took: 8 } });
    expect(made[0]?.received).not.toHaveBeenCalled();
    expect(made[1]?.received.mock.calls).toEqual([[expect.anything(), { took: 7 }, handle]]);
    expect(direct[0]?.received.mock.calls).toEqual([[expect.anything(), { took: 8 }, undefined]]);
  });

  it('from a worker that is not attached reaches no handoff, and its handle is closed', () => {
    const { listeners, made } = registry();
    listeners.get('one', at(80), node);
    const handle = fakeHandle();
    listeners.received(fakeProcess(), { type: 'handoff', listener: 0, body: {} }, handle);
    expect(handle.close).toHaveBeenCalledOnce();
    expect(made[0]?.received).not.toHaveBeenCalled();
  });
});

describe('direct ports', () => {
  it('belong to the first listener with a port', () => {
    const { listeners, directOptionsFor } = registry({ directPort: 9000 });
    const pipe = listeners.get('pipe', { path: '/run/app.sock', backlog: 511 }, node);
    const first = listeners.get('one', at(80), node);
    const second = listeners.get('two', at(81), node);
    expect([pipe.direct, second.direct]).toEqual([undefined, undefined]);
    expect(first.direct).toMatchObject({ id: 254, key: 'direct:9000', choice: { name: 'fd' } });
    expect(directOptionsFor.mock.calls).toEqual([
      [254, { base: 9000, host: '127.0.0.1', ipv6Only: false, backlog: 511, fallback: true }],
    ]);
    expect([...listeners]).toEqual([pipe, first, second]);
    expect([...listeners.all()]).toEqual([pipe, first.direct, first, second]);
  });

  it('have a host of their own, and no fallback for uWebSockets.js', () => {
    const { listeners, directOptionsFor } = registry({ directPort: 9000, directHost: '10.0.0.1' });
    listeners.get(
      'one',
      { port: 80, host: undefined, ipv6Only: true, backlog: 7 },
      { kind: 'uws', tls: false },
    );
    expect(directOptionsFor.mock.calls).toEqual([
      [254, { base: 9000, host: '10.0.0.1', ipv6Only: true, backlog: 7, fallback: false }],
    ]);
  });

  it('are not there without the option', () => {
    const { listeners, directOptionsFor } = registry();
    expect(listeners.get('one', at(80), node).direct).toBeUndefined();
    expect(directOptionsFor).not.toHaveBeenCalled();
  });

  it.each([9000, 9001, 9003])('may not contain the shared port %d', (port) => {
    const { listeners, directOptionsFor } = registry({ directPort: 9000 });
    let error: LimpetError | undefined;
    try {
      listeners.get('one', at(port), node);
    } catch (thrown) {
      error = thrown as LimpetError;
    }
    expect(error).toMatchObject({
      code: 'ERR_LIMPET_OPTION',
      message: `option directPort: 9000 to 9003 are the workers' own ports, and the shared port ${port} is one of them. Choose ports apart.`,
      facts: { option: 'directPort', value: 9000, workers: 4, port },
    });
    expect(directOptionsFor).not.toHaveBeenCalled();
    expect([...listeners]).toEqual([]);
  });

  it.each([8999, 9004])('may lie next to the shared port %d', (port) => {
    const { listeners } = registry({ directPort: 9000 });
    expect(listeners.get('one', at(port), node).direct?.id).toBe(254);
  });

  it('are in the answer to the worker, with the shared address', async () => {
    const { listeners, made, direct } = registry({ directPort: 9000 });
    const worker = fakeProcess();
    listeners.ask(worker, { type: 'listen', key: 'one', address: at(80), server: node });
    await settle();
    direct[0]?.bind();
    await settle();
    made[0]?.bind();
    await settle();
    expect(worker.sent).toMatchObject([
      { type: 'bound', listener: 0, direct: { listener: 254, handoff: 'fd', base: 9000 } },
    ]);
  });

  it('are made anew for the next listener if the first could not be bound', async () => {
    const { listeners, direct } = registry({ directPort: 9000 });
    listeners.get('one', at(80), node);
    await settle();
    direct[0]?.refuse(inUse);
    await settle();
    expect(listeners.get('two', at(81), node).direct?.id).toBe(254);
    expect(direct).toHaveLength(2);
  });

  it('are opened for the number of slots that is asked for', async () => {
    const { listeners, made, direct } = registry({ directPort: 9000 });
    listeners.get('one', at(80), node);
    listeners.get('two', at(81), node);
    await listeners.openDirectPorts(6);
    expect(direct[0]?.openDirectPorts.mock.calls).toEqual([[6]]);
    expect(made.flatMap(({ openDirectPorts }) => openDirectPorts.mock.calls)).toEqual([]);
    direct[0]?.openDirectPorts.mockRejectedValue(inUse);
    await expect(listeners.openDirectPorts(7)).rejects.toBe(inUse);
  });

  it('need no change if there are none, or if their handoff cannot change them', async () => {
    const without = registry();
    without.listeners.get('one', at(80), node);
    await expect(without.listeners.openDirectPorts(6)).resolves.toBeUndefined();
    const { listeners, direct } = registry({ directPort: 9000 });
    listeners.get('one', at(80), node);
    Object.assign(direct[0] as object, { openDirectPorts: undefined });
    await expect(listeners.openDirectPorts(6)).resolves.toBeUndefined();
  });
});
