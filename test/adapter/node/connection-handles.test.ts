import { once } from 'node:events';
import { closeSync, fstatSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { ConnectionHandles } from '../../../src/adapter/node/connection-handles.ts';
import { type HandoffBinding, handoffBinding } from '../../../src/binding/handoff-binding.ts';
import type { RawHandle } from '../../../src/connection.ts';

let closed: number;
let handles: ConnectionHandles;
beforeEach(() => {
  closed = 0;
  handles = new ConnectionHandles(() => closed++);
});

/** A handle whose class records its closings, as a native class has close(). */
class FakeHandle implements RawHandle {
  readonly fd = 5;
  readonly closings: unknown[] = [];
  close(callback?: () => void): void {
    this.closings.push(callback);
  }
}

describe('count()', () => {
  it('reports the first close() and passes all on', () => {
    const handle = new FakeHandle();
    handles.count(handle);
    const callback = () => {};
    handle.close(callback);
    handle.close();
    expect([closed, handle.closings]).toEqual([1, [callback, undefined]]);
  });

  it('gives all handles the same function, so that they have one shape', () => {
    const [first, second] = [new FakeHandle(), new FakeHandle()];
    handles.count(first);
    handles.count(second);
    expect(first.close).toBe(second.close);
    first.close();
    second.close();
    expect(closed).toBe(2);
  });

  it('has closed the handle before it reports', () => {
    const handle = new FakeHandle();
    const seen: unknown[] = [];
    new ConnectionHandles(() => seen.push(handle.closings.length)).count(handle);
    handle.close();
    expect(seen).toEqual([1]);
  });
});

describe('fromDescriptor()', () => {
  const { duplicate } = handoffBinding() as HandoffBinding;

  it('makes handles that own the descriptors, all of one class', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [socket] = (await once(server, 'connection')) as [Socket & { _handle: RawHandle }];
    const numbers = [duplicate(socket._handle.fd), duplicate(socket._handle.fd)] as const;
    const [first, second] = numbers.map((fd) => handles.fromDescriptor(fd)) as [RawHandle, RawHandle];
    expect([first.fd, second.fd]).toEqual(numbers);
    expect(second.constructor).toBe(first.constructor);
    expect(first.constructor).toBe(socket._handle.constructor);
    await new Promise<void>((resolve) => first.close(resolve));
    await new Promise<void>((resolve) => second.close(resolve));
    for (const fd of numbers) expect(() => fstatSync(fd)).toThrow('EBADF');
    expect(() => handles.fromDescriptor(9999)).toThrow(/^open\(9999\) failed: EBADF$/);
    socket.destroy();
    client.destroy();
    server.close();
  });

  it('throws for a number that is not a descriptor', () => {
    expect(() => handles.fromDescriptor(9999)).toThrow();
    expect(() => closeSync(9999)).toThrow('EBADF');
  });
});
