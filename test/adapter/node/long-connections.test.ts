import { EventEmitter } from 'node:events';
import type { Server } from 'node:net';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { LongConnections } from '../../../src/adapter/node/long-connections.ts';

let server: EventEmitter;
let long: LongConnections;
const appListener = () => {};

function watch(properties: object = {}): void {
  server = Object.assign(new EventEmitter(), properties);
  long = new LongConnections(server as Server);
}
beforeEach(() => watch());

/** Upgrades a connection. Returns it, with what is written to it at its end. */
function upgrade(protocol: string | undefined) {
  const socket = Object.assign(new EventEmitter(), { end: vi.fn() });
  server.emit('upgrade', { headers: { upgrade: protocol } }, socket);
  return socket;
}

describe('WebSockets', () => {
  it('end with close code 1012, and no other upgraded connection does', () => {
    server.on('upgrade', appListener);
    long.track();
    const sockets = ['websocket', 'WebSocket', 'other', undefined].map(upgrade);
    long.closeAll();
    const frame = Buffer.from([0x88, 2, 1012 >> 8, 1012 & 0xff]);
    expect(sockets.map(({ end }) => end.mock.calls)).toEqual([[[frame]], [[frame]], [], []]);
  });

  it('are forgotten when they are closed', () => {
    server.on('upgrade', appListener);
    long.track();
    const socket = upgrade('websocket');
    socket.emit('close');
    long.closeAll();
    expect(socket.end).not.toHaveBeenCalled();
  });

  it('are not known from before track()', () => {
    server.on('upgrade', appListener);
    const socket = upgrade('websocket');
    long.closeAll();
    expect(socket.end).not.toHaveBeenCalled();
  });

  it('add no upgrade listener to a server whose app has none', () => {
    long.track();
    expect(server.listenerCount('upgrade')).toBe(0);
    server.on('request', appListener);
    server.off('request', appListener);
    expect(server.listenerCount('upgrade')).toBe(0);
  });

  it('are tracked while the app has a listener, whenever it adds it', () => {
    long.track();
    const counts: number[] = [];
    const count = () => counts.push(server.listenerCount('upgrade'));
    server.on('upgrade', appListener);
    count();
    const second = () => {};
    server.on('upgrade', second);
    count();
    const socket = upgrade('websocket');
    server.off('upgrade', second);
    count();
    server.off('upgrade', appListener);
    count();
    server.on('upgrade', appListener);
    count();
    expect(counts).toEqual([2, 3, 2, 0, 2]);
    long.closeAll();
    expect(socket.end).toHaveBeenCalledOnce();
  });

  it('are tracked once if the app listens once', () => {
    long.track();
    server.once('upgrade', appListener);
    const socket = upgrade('websocket');
    expect(server.listenerCount('upgrade')).toBe(0);
    long.closeAll();
    expect(socket.end).toHaveBeenCalledOnce();
  });
});

describe('HTTP/2 sessions', () => {
  function open() {
    const session = Object.assign(new EventEmitter(), { close: vi.fn(), destroy: vi.fn() });
    server.emit('session', session);
    return session;
  }

  it('finish their streams at closeHttp2Sessions(), and are destroyed at closeAll()', () => {
    watch({ updateSettings: () => {} });
    long.track();
    const [first, gone] = [open(), open()];
    gone.emit('close');
    long.closeHttp2Sessions();
    expect([first.close.mock.calls.length, first.destroy.mock.calls.length]).toEqual([1, 0]);
    long.closeAll();
    expect([first.close.mock.calls.length, first.destroy.mock.calls.length]).toEqual([1, 1]);
    expect([gone.close.mock.calls.length, gone.destroy.mock.calls.length]).toEqual([0, 0]);
  });

  it('are not looked for in a server of another kind', () => {
    long.track();
    const session = open();
    long.closeHttp2Sessions();
    expect(session.close).not.toHaveBeenCalled();
  });
});

it('closeAll() closes all other connections, tracked or not, if the server can', () => {
  const closeAllConnections = vi.fn();
  watch({ closeAllConnections });
  long.closeAll();
  expect(closeAllConnections).toHaveBeenCalledOnce();
  watch();
  expect(() => long.closeAll()).not.toThrow();
});
