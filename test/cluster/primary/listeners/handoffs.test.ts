import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { handoffBinding } from '../../../../src/binding/handoff-binding.ts';
import { Counters } from '../../../../src/cluster/primary/counters.ts';
import { Handoffs } from '../../../../src/cluster/primary/listeners/handoffs.ts';
import { RouterAffinity } from '../../../../src/cluster/primary/listeners/router-affinity.ts';
import type { ListenAddress } from '../../../../src/connection.ts';
import { LimpetError } from '../../../../src/errors.ts';
import { Acceptor } from '../../../../src/handoff/acceptor.ts';
import { DirectPrimary } from '../../../../src/handoff/direct/primary.ts';
import { FdPrimary } from '../../../../src/handoff/fd/primary.ts';
import { IpcPrimary } from '../../../../src/handoff/ipc/primary.ts';
import { KernelPrimary } from '../../../../src/handoff/kernel/primary.ts';
import { ListeningSockets } from '../../../../src/handoff/listening-sockets.ts';
import { checkRouterOptions, type RouterOptions } from '../../../../src/options.ts';
import { SlotRing } from '../../../../src/ring/slot-ring.ts';

vi.mock('../../../../src/binding/handoff-binding.ts');
vi.mock('../../../../src/binding/native.ts', async (original) => ({
  ...(await original<object>()),
  bindingReport: () => ({ kind: 'twin', reason: 'none was built' }),
}));
vi.mock('../../../../src/handoff/acceptor.ts');
vi.mock('../../../../src/handoff/kernel/primary.ts');
vi.mock('../../../../src/handoff/fd/primary.ts');
vi.mock('../../../../src/handoff/direct/primary.ts');
vi.mock('../../../../src/handoff/ipc/primary.ts');

const binding = { the: 'binding' } as never;
const address: ListenAddress = { port: 80, host: '127.0.0.1', ipv6Only: false, backlog: 511 };
const name = { id: 5, key: ':80' };
const node = { kind: 'node', tls: false } as const;

function handoffsOf(options: RouterOptions = {}, sockets = new ListeningSockets()) {
  const checked = checkRouterOptions({ workers: 2, ...options });
  const ring = new SlotRing({ slots: 2, key: new Uint8Array(8) });
  const counters = new Counters();
  const affinity = new RouterAffinity(checked, 'a secret of sixteen bytes');
  const handoffs = new Handoffs(checked, ring, counters, affinity, sockets);
  const acceptor = vi.mocked(Acceptor).mock.instances[0];
  return { handoffs, options: checked, ring, counters, affinity, sockets, acceptor };
}

function errorOf(call: () => unknown): LimpetError {
  try {
    call();
  } catch (error) {
    return error as LimpetError;
  }
  throw new Error('nothing was thrown');
}

/** The arguments with which the mock class was constructed, for each instance. */
const constructed = (mock: unknown) => vi.mocked(mock as () => void).mock.calls as unknown[][];
const ipcSettings = () => constructed(IpcPrimary)[0]?.[1] as ConstructorParameters<typeof IpcPrimary>[1];

beforeEach(() => {
  vi.mocked(handoffBinding).mockReturnValue(binding);
});
afterEach(() => {
  vi.resetAllMocks();
});

describe('the acceptor thread', () => {
  it('is made once, with the options, the ring and the sockets', () => {
    const { options, ring, sockets } = handoffsOf({ affinity: 'cookie', spread: 'least-connections' });
    expect(constructed(Acceptor)).toEqual([[binding, ring, { ...options, spreadEvenly: true }, sockets]]);
  });

  it('is not made for ipc', () => {
    const { handoffs } = handoffsOf({ handoff: 'ipc' });
    expect(handoffBinding).not.toHaveBeenCalled();
    expect(Acceptor).not.toHaveBeenCalled();
    expect(handoffs.optionsFor(name, address, node)).toMatchObject([
      { name: 'ipc', reason: 'the first choice' },
    ]);
  });

  it('is missing without the addon: auto takes ipc and says why', () => {
    vi.mocked(handoffBinding).mockReturnValue(null);
    expect(handoffsOf().handoffs.optionsFor(name, address, node)).toMatchObject([
      { name: 'ipc', reason: 'no native addon: none was built' },
    ]);
    expect(Acceptor).not.toHaveBeenCalled();
  });

  it('is missing if it cannot start: auto takes ipc and says why', () => {
    vi.mocked(Acceptor).mockImplementation(function acceptor() {
      throw new Error('no memory');
    });
    expect(handoffsOf().handoffs.optionsFor(name, address, node)).toMatchObject([
      { name: 'ipc', reason: 'the acceptor cannot start: no memory' },
    ]);
  });

  it.each(['kernel', 'fd'] as const)('is needed by %s', (handoff) => {
    vi.mocked(handoffBinding).mockReturnValue(null);
    expect(errorOf(() => handoffsOf({ handoff }))).toMatchObject({
      code: 'ERR_LIMPET_HANDOFF_UNSUPPORTED',
      facts: { handoff, reason: 'no native addon: none was built' },
    });
  });

  it('does not hide an error of limpet', () => {
    const damaged = new LimpetError('ERR_LIMPET_NATIVE', 'the addon does not load');
    vi.mocked(handoffBinding).mockImplementation(() => {
      throw damaged;
    });
    expect(errorOf(() => handoffsOf())).toBe(damaged);
  });
});

describe('the handoffs of a listener', () => {
  it('are made in the order of the choice, with the number and key of the listener', () => {
    const { handoffs, ring, acceptor } = handoffsOf();
    const options = handoffs.optionsFor(name, address, node);
    expect(options.map(({ name, reason }) => ({ name, reason }))).toEqual([
      { name: 'kernel', reason: 'the first choice' },
      { name: 'fd', reason: 'the first choice' },
      { name: 'ipc', reason: 'the first choice' },
    ]);
    expect(options.map(({ handoff }) => handoff)).toEqual([
      expect.any(KernelPrimary),
      expect.any(FdPrimary),
      expect.any(IpcPrimary),
    ]);
    const listener = { listener: 5, key: ':80', address, chain: undefined };
    expect(constructed(KernelPrimary)).toEqual([[ring, acceptor, listener]]);
    expect(constructed(FdPrimary)).toEqual([[acceptor, listener]]);
    expect(constructed(IpcPrimary)[0]?.[0]).toBe(ring);
  });

  it('read the head by the compiled rules if the affinity needs that', () => {
    const { handoffs } = handoffsOf({ affinity: { header: 'x-user' } });
    const options = handoffs.optionsFor(name, address, node);
    expect(options.map(({ name }) => name)).toEqual(['fd', 'ipc']);
    expect(options[0]?.reason).toBe(
      'affinity by header x-user, address needs bytes that the client sends, and kernel reads none',
    );
    expect(constructed(FdPrimary)[0]?.[1]).toMatchObject({ chain: expect.anything() });
    const { pending } = ipcSettings();
    expect(pending?.chain.rules.map(({ kind }) => kind)).toEqual(['header', 'address']);
    expect(pending).toMatchObject({ headTimeoutMs: expect.any(Number), pendingMax: expect.any(Number) });
  });

  it('know that maxLoad bounds the load', () => {
    const { handoffs } = handoffsOf({ maxLoad: 1.25 });
    expect(handoffs.optionsFor(name, address, node).map(({ reason }) => reason)).toEqual([
      'maxLoad needs the number of connections of each worker, and kernel does not count them',
      'the first choice',
    ]);
  });

  it.each([
    [{ managed: true, key: ':80' }, ['fd', 'ipc']],
    [{ managed: false, key: ':80' }, ['kernel', 'fd', 'ipc']],
    [{ managed: true, key: ':81' }, ['kernel', 'fd', 'ipc']],
  ])('know whether the service manager has their socket (%o)', (inherited, names) => {
    const { handoffs } = handoffsOf({}, new ListeningSockets([{ ...inherited, descriptors: [3] }]));
    expect(handoffs.optionsFor(name, address, node).map(({ name }) => name)).toEqual(names);
  });

  it('know the kind of server', () => {
    const { handoffs } = handoffsOf({ affinity: { header: 'x-user' } });
    const names = handoffs.optionsFor(name, address, { kind: 'uws', tls: false }).map(({ name }) => name);
    expect(names).toEqual(['fd']);
    expect(errorOf(() => handoffs.optionsFor(name, address, { kind: 'uws', tls: true })).code).toBe(
      'ERR_LIMPET_AFFINITY_TLS',
    );
  });

  it('by ipc count in the counters of the router', () => {
    const { handoffs, counters, sockets } = handoffsOf({ handoff: 'ipc', queueMax: 7, maxLoad: 1.5 });
    handoffs.optionsFor(name, address, node);
    const settings = ipcSettings();
    expect(settings).toMatchObject({
      key: ':80',
      address,
      direct: undefined,
      pending: undefined,
      queueMax: 7,
      maxLoad: 1.5,
      newClients: 'ring',
    });
    expect(settings.sockets).toBe(sockets);
    settings.handed(1, 0);
    settings.taken(1, 3);
    settings.refused(1, 'queue full');
    settings.rejected('head-too-large');
    expect(counters.of(1)).toMatchObject({ handed: 1, diverted: 1, refused: { 'queue full': 1 } });
    expect(counters.of(1).latency.sumMs).toBe(3);
    expect(handoffs.rejectedBeforeRouting()).toEqual({ 'head-too-large': 1 });
    settings.busiest.add(9);
    expect([...handoffs.busiest()]).toEqual([['primary', { seen: 1, count: 1 }]]);
  });
});

describe('the handoff of direct ports', () => {
  const ports = { base: 9000, host: '10.0.0.1', ipv6Only: false, backlog: 7, fallback: true };

  it('is fd with an acceptor', () => {
    const { handoffs, ring, acceptor } = handoffsOf();
    expect(handoffs.directOptionsFor(254, ports)).toEqual([
      { name: 'fd', reason: 'each slot has its own port', handoff: expect.any(DirectPrimary) },
    ]);
    expect(constructed(DirectPrimary)).toEqual([[ring, acceptor, 254, ports]]);
  });

  it('is ipc without one', () => {
    const { handoffs } = handoffsOf({ handoff: 'ipc' });
    expect(handoffs.directOptionsFor(254, ports)).toEqual([
      { name: 'ipc', reason: 'each slot has its own port', handoff: expect.any(IpcPrimary) },
    ]);
    expect(ipcSettings()).toMatchObject({
      key: '',
      address: { port: 9000, host: '10.0.0.1', ipv6Only: false, backlog: 7 },
      direct: ports,
      pending: undefined,
    });
  });
});

describe('what the acceptor knows', () => {
  it('is asked of it', () => {
    const { handoffs, acceptor } = handoffsOf();
    const counts = { accepted: 3 };
    Object.assign(acceptor as object, { thread: { refused: () => ({ silent: 2, flood: 1 }) } });
    vi.mocked(acceptor as Acceptor).inheritedDescriptors.mockReturnValue([7, 8]);
    vi.mocked(acceptor as Acceptor).counts.mockReturnValue(counts as never);
    vi.mocked(acceptor as Acceptor).openIn.mockReturnValue(4);
    vi.mocked(acceptor as Acceptor).busiest.mockImplementation(function* () {
      yield ['acceptor', { seen: 5, count: 2 }] as const;
    });
    expect(handoffs.inheritedDescriptors(1)).toEqual([7, 8]);
    expect(acceptor?.inheritedDescriptors).toHaveBeenCalledWith(1);
    expect(handoffs.counts(1)).toBe(counts);
    expect(acceptor?.counts).toHaveBeenCalledWith(1);
    expect(handoffs.openIn(6)).toBe(4);
    expect(acceptor?.openIn).toHaveBeenCalledWith(6);
    expect([...handoffs.busiest()]).toEqual([
      ['primary', { seen: 0, count: 0 }],
      ['acceptor', { seen: 5, count: 2 }],
    ]);
    expect(handoffs.rejectedBeforeRouting()).toEqual({ silent: 2, flood: 1 });
    handoffs.stop();
    expect(acceptor?.stop).toHaveBeenCalledOnce();
  });

  it('is nothing without one', () => {
    const { handoffs } = handoffsOf({ handoff: 'ipc' });
    expect(handoffs.inheritedDescriptors(1)).toEqual([]);
    expect(handoffs.counts(1)).toBeUndefined();
    expect(handoffs.openIn(6)).toBeUndefined();
    expect([...handoffs.busiest()]).toEqual([['primary', { seen: 0, count: 0 }]]);
    expect(handoffs.rejectedBeforeRouting()).toEqual({});
    expect(() => handoffs.stop()).not.toThrow();
  });
});
