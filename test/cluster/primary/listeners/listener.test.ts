import { describe, expect, it, vi } from 'vitest';
import { Listener } from '../../../../src/cluster/primary/listeners/listener.ts';
import { LimpetError } from '../../../../src/errors.ts';
import { bound, FakeHandoff, fakeHandle, fakeProcess, settle, unsupported } from './fake-handoff.ts';

function listening(...handoffs: FakeHandoff[]) {
  const all = handoffs.length === 0 ? [new FakeHandoff()] : handoffs;
  return {
    listener: new Listener(
      3,
      ':80',
      all.map((handoff) => handoff.option()),
    ),
    handoff: all[0] as FakeHandoff,
  };
}

describe('a listener that opens', () => {
  it('begins with the first option, and is bound when the handoff is', async () => {
    const { listener, handoff } = listening();
    expect(listener).toMatchObject({
      id: 3,
      key: ':80',
      declared: false,
      bound: undefined,
      direct: undefined,
    });
    await settle();
    expect(handoff.open).toHaveBeenCalledOnce();
    handoff.bind();
    expect(await listener.opened).toBe(bound);
    expect(listener.bound).toBe(bound);
    expect(listener.handoff).toBe(handoff);
    expect(listener.choice).toEqual({ name: 'fd', reason: 'the first choice' });
  });

  it('gives the reason of its first option', () => {
    const listener = new Listener(0, ':80', [new FakeHandoff('fd').option('kernel reads no bytes')]);
    expect(listener.choice).toEqual({ name: 'fd', reason: 'kernel reads no bytes' });
  });

  it('takes the next option if the system does not support the first, and says why', async () => {
    const [kernel, fd, ipc] = [new FakeHandoff('kernel'), new FakeHandoff('fd'), new FakeHandoff('ipc')];
    const { listener } = listening(kernel, fd, ipc);
    await settle();
    kernel.refuse(unsupported('kernel', 'no reuseport here'));
    await settle();
    expect(listener.handoff).toBe(fd);
    expect(listener.choice).toEqual({ name: 'fd', reason: 'kernel is not possible: no reuseport here' });
    fd.refuse(unsupported('fd', 'no thread'));
    await settle();
    ipc.bind();
    await listener.opened;
    expect(listener.handoff).toBe(ipc);
    expect(listener.choice).toEqual({ name: 'ipc', reason: 'fd is not possible: no thread' });
    expect([kernel, fd, ipc].map(({ open }) => open.mock.calls.length)).toEqual([1, 1, 1]);
  });

  it('rejects with the last refusal if no option is left', async () => {
    const { listener, handoff } = listening();
    await settle();
    const refusal = unsupported('fd', 'no thread');
    handoff.refuse(refusal);
    await expect(listener.opened).rejects.toBe(refusal);
    expect(listener.bound).toBeUndefined();
  });

  it('does not try another handoff if the address is in use', async () => {
    const [first, second] = [new FakeHandoff('kernel'), new FakeHandoff('fd')];
    const { listener } = listening(first, second);
    await settle();
    const inUse = new LimpetError('ERR_LIMPET_ADDRESS_IN_USE', 'in use');
    first.refuse(inUse);
    await expect(listener.opened).rejects.toBe(inUse);
    expect(second.open).not.toHaveBeenCalled();
    expect(listener.choice.name).toBe('kernel');
  });

  it('causes no unhandled rejection if nobody waits for it', async () => {
    const onUnhandled = vi.fn();
    process.on('unhandledRejection', onUnhandled);
    const { handoff } = listening();
    await settle();
    handoff.refuse(new Error('in use'));
    await settle();
    process.off('unhandledRejection', onUnhandled);
    expect(onUnhandled).not.toHaveBeenCalled();
  });
});

describe('a listener with direct ports', () => {
  function withDirect() {
    const [ports, shared] = [new FakeHandoff(), new FakeHandoff('kernel')];
    const direct = new Listener(254, 'direct:9000', [ports.option()]);
    return { ports, shared, direct, listener: new Listener(0, ':80', [shared.option()], direct) };
  }

  it('opens the direct ports before the shared one', async () => {
    const { ports, shared, direct, listener } = withDirect();
    expect(listener.direct).toBe(direct);
    await settle();
    expect(ports.open).toHaveBeenCalledOnce();
    expect(shared.open).not.toHaveBeenCalled();
    ports.bind();
    await settle();
    expect(shared.open).toHaveBeenCalledOnce();
    shared.bind();
    expect(await listener.opened).toBe(bound);
    expect(ports.close).not.toHaveBeenCalled();
  });

  it('does not open the shared port if a direct one is in use', async () => {
    const { ports, shared, listener } = withDirect();
    const inUse = new LimpetError('ERR_LIMPET_ADDRESS_IN_USE', 'in use');
    await settle();
    ports.refuse(inUse);
    await expect(listener.opened).rejects.toBe(inUse);
    expect(shared.open).not.toHaveBeenCalled();
    expect(ports.close).not.toHaveBeenCalled();
  });

  it('closes the direct ports if the shared one cannot be bound, and rejects after that', async () => {
    const { ports, shared, listener } = withDirect();
    let closed = () => {};
    ports.close.mockReturnValue(
      new Promise((resolve) => {
        closed = () => resolve(0);
      }),
    );
    const failed = vi.fn();
    listener.opened.catch(failed);
    await settle();
    ports.bind();
    await settle();
    const denied = new LimpetError('ERR_LIMPET_ADDRESS_DENIED', 'denied');
    shared.refuse(denied);
    await settle();
    expect(ports.close.mock.calls).toEqual([[0]]);
    expect(failed).not.toHaveBeenCalled();
    closed();
    await settle();
    expect(failed.mock.calls).toEqual([[denied]]);
  });
});

describe('a worker process of a listener', () => {
  it('is attached once, by one endpoint', () => {
    const { listener, handoff } = listening();
    const worker = fakeProcess(2);
    listener.attach(worker);
    listener.attach(worker);
    expect(worker.endpointFor).toHaveBeenCalledExactlyOnceWith(3);
    const [[endpoint]] = handoff.attach.mock.calls as [[unknown]];
    expect(endpoint).toMatchObject({ slot: 2, workerIndex: 103 });
    expect(handoff.attach).toHaveBeenCalledOnce();
  });

  it('gets its messages to the handoff, with handle and endpoint', () => {
    const { listener, handoff } = listening();
    const [worker, handle] = [fakeProcess(), fakeHandle()];
    listener.attach(worker);
    const [[endpoint]] = handoff.attach.mock.calls as [[unknown]];
    listener.received(worker, { took: 1 }, handle);
    listener.received(worker, { took: 2 });
    expect(handoff.received.mock.calls).toEqual([
      [endpoint, { took: 1 }, handle],
      [endpoint, { took: 2 }, undefined],
    ]);
    expect(handoff.received.mock.calls[0]?.[0]).toBe(endpoint);
    expect(handle.close).not.toHaveBeenCalled();
  });

  it('is not heard before it is attached: its handle is closed', () => {
    const { listener, handoff } = listening();
    const handle = fakeHandle();
    listener.received(fakeProcess(), { took: 1 }, handle);
    listener.received(fakeProcess(), { took: 1 });
    expect(handle.close).toHaveBeenCalledExactlyOnceWith();
    expect(handoff.received).not.toHaveBeenCalled();
  });

  it('is heard while it drains, and no more when it is gone', () => {
    const { listener, handoff } = listening();
    const [worker, handle] = [fakeProcess(), fakeHandle()];
    listener.attach(worker);
    const [[endpoint]] = handoff.attach.mock.calls as [[unknown]];
    listener.detach(worker, false);
    listener.received(worker, { took: 1 });
    expect(handoff.received).toHaveBeenCalledOnce();
    listener.detach(worker, true);
    listener.received(worker, { took: 2 }, handle);
    expect(handoff.received).toHaveBeenCalledOnce();
    expect(handle.close).toHaveBeenCalledOnce();
    expect(handoff.detach.mock.calls).toEqual([
      [endpoint, false],
      [endpoint, true],
    ]);
  });

  it('is not detached if it was never attached, or is gone already', () => {
    const { listener, handoff } = listening();
    const worker = fakeProcess();
    listener.detach(worker, false);
    listener.detach(worker, true);
    expect(handoff.detach).not.toHaveBeenCalled();
    listener.attach(worker);
    listener.detach(worker, true);
    listener.detach(worker, true);
    expect(handoff.detach).toHaveBeenCalledOnce();
  });

  it('is detached, then attached by the same endpoint, when it accepts again', () => {
    const { listener, handoff } = listening();
    const worker = fakeProcess();
    listener.reattach(worker);
    expect(handoff.attach).not.toHaveBeenCalled();
    expect(handoff.detach).not.toHaveBeenCalled();
    listener.attach(worker);
    listener.reattach(worker);
    const [[endpoint]] = handoff.attach.mock.calls as [[unknown]];
    expect(worker.endpointFor).toHaveBeenCalledOnce();
    expect(handoff.detach.mock.calls).toEqual([[endpoint, false]]);
    expect(handoff.attach.mock.calls).toEqual([[endpoint], [endpoint]]);
    const [attached, again] = handoff.attach.mock.invocationCallOrder as [number, number];
    const [detached] = handoff.detach.mock.invocationCallOrder as [number];
    expect(attached < detached && detached < again).toBe(true);
  });

  it('may come again after it was gone', () => {
    const { listener, handoff } = listening();
    const worker = fakeProcess();
    listener.attach(worker);
    listener.detach(worker, true);
    listener.attach(worker);
    expect(handoff.attach).toHaveBeenCalledTimes(2);
  });
});
