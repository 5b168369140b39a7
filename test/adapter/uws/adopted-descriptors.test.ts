import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { AdoptedDescriptors } from '../../../src/adapter/uws/adopted-descriptors.ts';
import { type HandoffBinding, handoffBinding } from '../../../src/binding/handoff-binding.ts';
import type { BoundAddress } from '../../../src/connection.ts';

const listener = { address: '127.0.0.1', family: 'IPv4', port: 8080 } as const;

describe('AdoptedDescriptors', () => {
  /** Descriptor → the local address of its socket. */
  let local: Map<number, BoundAddress>;
  let looks: number[];
  let closed: number;
  const fakeBinding = {
    boundAddress: (fd: number) => {
      looks.push(fd);
      const address = local.get(fd);
      if (!address) throw new Error('EBADF');
      return address;
    },
  } as unknown as HandoffBinding;
  const adopt = (bound: BoundAddress, directPort?: number) =>
    new AdoptedDescriptors(fakeBinding, bound, () => closed++, directPort);

  beforeEach(() => {
    [local, looks, closed] = [new Map(), [], 0];
  });

  it('counts those that are open, and reports each that is closed once', () => {
    const adopted = adopt(listener);
    for (const fd of [5, 6, 7]) {
      local.set(fd, listener);
      adopted.add(fd);
    }
    expect([adopted.count(), closed]).toEqual([3, 0]);
    local.delete(6);
    expect([adopted.count(), closed]).toEqual([2, 1]);
    expect([adopted.count(), closed]).toEqual([2, 1]);
    local.clear();
    expect([adopted.count(), closed]).toEqual([0, 3]);
  });

  it.each<[string, BoundAddress]>([
    ['another port', { ...listener, port: 8081 }],
    ['a unix-domain socket', { path: '/run/other' }],
  ])('a number that now belongs to %s is closed', (_, other) => {
    const adopted = adopt(listener);
    adopted.add(5);
    local.set(5, other);
    expect([adopted.count(), closed]).toEqual([0, 1]);
  });

  it('a number that is added again stands for one closed connection and one open one', () => {
    const adopted = adopt(listener);
    local.set(5, listener);
    adopted.add(5);
    adopted.add(5);
    expect([adopted.count(), closed]).toEqual([1, 1]);
  });

  it.each<[string, BoundAddress, boolean]>([
    ['its path', { path: '/run/app' }, true],
    ['another path', { path: '/run/other' }, false],
    ['a port', listener, false],
  ])('on a unix-domain socket, a descriptor with %s: %j counts: %s', (_, address, isOpen) => {
    const adopted = adopt({ path: '/run/app' });
    local.set(5, address);
    adopted.add(5);
    expect(adopted.count()).toBe(isOpen ? 1 : 0);
  });

  it.each([
    [3999, false],
    [4000, true],
    [4255, true],
    [4256, false],
  ])('with direct ports from 4000 on, a connection to port %i counts: %s', (port, isOpen) => {
    const adopted = adopt(listener, 4000);
    local.set(5, { ...listener, port });
    adopted.add(5);
    expect(adopted.count()).toBe(isOpen ? 1 : 0);
  });

  it('without direct ports only the listener’s port counts', () => {
    const adopted = adopt(listener);
    local.set(5, { ...listener, port: 4000 });
    adopted.add(5);
    expect(adopted.count()).toBe(0);
  });

  it('a call checks a thousand descriptors, those that waited longest first', () => {
    const adopted = adopt(listener);
    for (let fd = 0; fd < 1500; fd++) {
      local.set(fd, listener);
      adopted.add(fd);
    }
    local.delete(1400);
    expect([adopted.count(), looks.length, closed]).toEqual([1500, 1000, 0]);
    looks = [];
    expect([adopted.count(), looks.length, closed]).toEqual([1499, 1000, 1]);
    expect([looks[0], looks.at(-1)]).toEqual([1000, 499]);
  });

  it('recognizes numbers of the kernel that are in use again', async () => {
    const binding = handoffBinding() as HandoffBinding;
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const bound = server.address() as AddressInfo as { address: string; family: 'IPv4'; port: number };
    const adopted = new AdoptedDescriptors(binding, bound, () => closed++);
    const clients: Socket[] = [];
    const numbers: number[] = [];
    const accept = async () => {
      const client = connect(bound.port, '127.0.0.1');
      const [socket] = (await once(server, 'connection')) as [Socket & { _handle: { fd: number } }];
      const fd = binding.duplicate(socket._handle.fd);
      socket.destroy();
      adopted.add(fd);
      clients.push(client.on('error', () => {}));
      numbers.push(fd);
    };
    for (let n = 0; n < 3; n++) await accept();
    expect([adopted.count(), closed]).toEqual([3, 0]);

    const [first, second, third] = numbers as [number, number, number];
    closeSync(first);
    closeSync(second);
    const file = openSync('/dev/null', 'r');
    expect(numbers, 'the file has the number of a connection').toContain(file);
    expect([adopted.count(), closed]).toEqual([1, 2]);

    closeSync(file);
    closeSync(third);
    expect([adopted.count(), closed]).toEqual([0, 3]);
    for (const client of clients) client.destroy();
    server.close();
  });
});
