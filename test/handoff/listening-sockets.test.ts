import { Socket } from 'node:net';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { handoffBinding } from '../../src/binding/handoff-binding.ts';
import type { ListenAddress } from '../../src/connection.ts';
import {
  AddressSockets,
  handleOf,
  type InheritedSockets,
  ListeningSockets,
} from '../../src/handoff/listening-sockets.ts';
import { FakeBinding } from './fake-binding.ts';

const files = vi.hoisted(() => ({ closed: [] as number[], removed: [] as unknown[][] }));
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  closeSync: (fd: number) => void files.closed.push(fd),
  rmSync: (...args: unknown[]) => void files.removed.push(args),
}));

const tcp = (port: number): ListenAddress => ({ port, host: '127.0.0.1', ipv6Only: false, backlog: 16 });
const unix = (path: string): ListenAddress => ({ path, backlog: 16 });
const inherited = (key: string, ...descriptors: number[]): InheritedSockets => ({
  key,
  descriptors,
  managed: false,
});

beforeEach(() => {
  files.closed.length = 0;
  files.removed.length = 0;
});

describe('inherited sockets', () => {
  test('are found by their key', () => {
    const sockets = new ListeningSockets([inherited('one', 5), inherited('two', 6, 7)]);
    expect(sockets.inheritedFor('two', tcp(3000))).toEqual(inherited('two', 6, 7));
    expect(sockets.inheritedFor('three', tcp(3000))).toBeUndefined();
    expect(new ListeningSockets().inheritedFor('one', tcp(3000))).toBeUndefined();
  });

  test('of the service manager are found by the port alone, or by the path', () => {
    const bound = { address: '0.0.0.0', family: 'IPv4', port: 80 } as const;
    const port = { bound, descriptors: [3], managed: true };
    const path = { bound: { path: '/run/app.sock' }, descriptors: [4], managed: true };
    const sockets = new ListeningSockets([port, path]);
    expect(sockets.inheritedFor('any', tcp(80))).toEqual(port);
    expect(sockets.inheritedFor('any', tcp(81))).toBeUndefined();
    expect(sockets.inheritedFor('any', unix('/run/app.sock'))).toEqual(path);
    expect(sockets.inheritedFor('any', unix('/run/other.sock'))).toBeUndefined();
  });

  test('of one address are found together', () => {
    const bound = { address: '::', family: 'IPv6', port: 80 } as const;
    const each = [3, 4].map((fd) => ({ bound, descriptors: [fd], managed: true }));
    const sockets = new ListeningSockets([...each, inherited('other', 5)]);
    expect(sockets.inheritedFor('any', tcp(80))).toEqual({ bound, descriptors: [3, 4], managed: true });
  });

  test('can be looked up many times and taken once', () => {
    const bound = { address: '::', family: 'IPv6', port: 80 } as const;
    const sockets = new ListeningSockets([
      { bound, descriptors: [3], managed: true },
      { bound, descriptors: [4], managed: true },
      inherited('other', 5),
    ]);
    sockets.inheritedFor('any', tcp(80));
    expect(sockets.takeInherited('any', tcp(80))?.descriptors).toEqual([3, 4]);
    expect(sockets.takeInherited('any', tcp(80))).toBeUndefined();
    expect(sockets.takeInherited('other', tcp(80))?.descriptors).toEqual([5]);
  });

  test('that nobody took are closed once', () => {
    const sockets = new ListeningSockets([inherited('one', 5), inherited('two', 6, 7)]);
    sockets.takeInherited('one', tcp(3000));
    sockets.closeUnclaimed();
    sockets.closeUnclaimed();
    expect(files.closed).toEqual([6, 7]);
    expect(sockets.inheritedFor('two', tcp(3000))).toBeUndefined();
  });
});

describe('transferable sockets', () => {
  test('are those that are registered, with their descriptors of this moment', () => {
    const sockets = new ListeningSockets();
    let descriptors = [1];
    sockets.register('one', { descriptors: () => descriptors, managed: false, release: () => {} });
    sockets.register('two', { descriptors: () => [9], managed: true, release: () => {} });
    descriptors = [1, 2];
    expect(sockets.transferable()).toEqual([
      { key: 'one', descriptors: [1, 2], managed: false },
      { key: 'two', descriptors: [9], managed: true },
    ]);
    sockets.unregister('one');
    expect(sockets.transferable()).toEqual([{ key: 'two', descriptors: [9], managed: true }]);
  });

  test('name the first address that cannot be transferred', () => {
    const sockets = new ListeningSockets();
    sockets.register('one', { descriptors: () => [1], managed: false, release: () => {} });
    sockets.register('two', { descriptors: () => undefined, managed: false, release: () => {} });
    expect(sockets.transferable()).toBe('two');
  });

  test('are all released by the transfer, even if a release unregisters its own', () => {
    const sockets = new ListeningSockets();
    const released: string[] = [];
    for (const key of ['one', 'two', 'three']) {
      const release = () => {
        released.push(key);
        sockets.unregister(key);
      };
      sockets.register(key, { descriptors: () => [1], managed: false, release });
    }
    sockets.transfer();
    expect(released).toEqual(['one', 'two', 'three']);
  });
});

test('the file of a unix socket is removed, unless the service manager or a new primary listens there', () => {
  const sockets = new ListeningSockets();
  sockets.removeFile(tcp(3000), false);
  sockets.removeFile(unix('/run/managed.sock'), true);
  sockets.removeFile(unix('/run/own.sock'), false);
  sockets.transfer();
  sockets.removeFile(unix('/run/transferred.sock'), false);
  expect(files.removed).toEqual([['/run/own.sock', { force: true }]]);
});

describe('AddressSockets', () => {
  test('binds a new socket, which can be transferred and is closed at the end', async () => {
    const [sockets, binding, release] = [new ListeningSockets(), new FakeBinding(), vi.fn()];
    const own = await AddressSockets.open(sockets, binding.asBinding, 'one', unix('/run/own.sock'), release);
    expect(binding.take()).toEqual(['listenExclusively({"path":"/run/own.sock"},16)']);
    expect(own).toMatchObject({ descriptors: [50], inherited: false });
    expect(sockets.transferable()).toEqual([{ key: 'one', descriptors: [50], managed: false }]);
    expect(release).not.toHaveBeenCalled();
    own.close();
    expect([binding.take(), sockets.transferable()]).toEqual([['close(50)'], []]);
    expect(files.removed).toEqual([['/run/own.sock', { force: true }]]);
    expect(release).not.toHaveBeenCalled();
  });

  test('takes the inherited sockets, and leaves the file of a managed one', async () => {
    const path = '/run/app.sock';
    const managed = { bound: { path }, descriptors: [7, 8], managed: true };
    const [sockets, binding] = [new ListeningSockets([managed]), new FakeBinding()];
    const own = await AddressSockets.open(sockets, binding.asBinding, 'one', unix(path), () => {});
    expect(own).toMatchObject({ descriptors: [7, 8], inherited: true });
    expect(sockets.transferable()).toEqual([{ key: 'one', descriptors: [7, 8], managed: true }]);
    own.close();
    expect([binding.take(), files.removed]).toEqual([['close(7)', 'close(8)'], []]);
  });

  test('is released by the transfer', async () => {
    const [sockets, binding, release] = [new ListeningSockets(), new FakeBinding(), vi.fn()];
    await AddressSockets.open(sockets, binding.asBinding, 'one', tcp(3000), release);
    sockets.transfer();
    expect(release).toHaveBeenCalledOnce();
  });

  test('registers nothing if the address is in use', async () => {
    const [sockets, binding] = [new ListeningSockets(), new FakeBinding()];
    binding.portsInUse.add(3000);
    await expect(
      AddressSockets.open(sockets, binding.asBinding, 'one', tcp(3000), () => {}),
    ).rejects.toMatchObject({ code: 'ERR_LIMPET_ADDRESS_IN_USE' });
    expect(sockets.transferable()).toEqual([]);
  });
});

test('handleOf makes a handle that owns its descriptor', async ({ skip }) => {
  const binding = handoffBinding();
  if (!binding) return skip('no native addon here: npm run build:native makes it');
  const fd = binding.listenExclusively({ host: '127.0.0.1', port: 0, ipv6Only: false }, 16);
  const handle = handleOf(fd);
  expect(handle).not.toBeInstanceOf(Socket);
  expect(handle.fd).toBe(fd);
  await new Promise<void>((resolve) => handle.close(resolve));
  expect(() => binding.boundAddress(fd)).toThrow();
});
