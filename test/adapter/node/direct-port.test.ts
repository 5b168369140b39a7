import { EventEmitter } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { DirectPort } from '../../../src/adapter/node/direct-port.ts';

/** Slot 2 of a router on port 80, with direct ports from 4000 on. */
const direct = new DirectPort(4000, 2, 80);
const socket = (localPort?: number) => ({ localPort }) as Socket;

describe('DirectPort', () => {
  it.each([
    ['the shared port', 80, false, false],
    ['the port of this slot', 4002, true, false],
    ['the port of the slot before', 4001, true, true],
    ['the port of the slot after', 4003, true, true],
    ['a unix-domain socket', undefined, false, false],
  ])('a connection to %s', (_, localPort, isDirect, isOtherSlots) => {
    expect(direct.isDirect(socket(localPort))).toBe(isDirect);
    expect(direct.isOtherSlots(socket(localPort))).toBe(isOtherSlots);
  });
});

describe('adapt()', () => {
  function adapted(keepAliveTimeout?: number): HttpServer {
    const server = Object.assign(new EventEmitter(), { keepAliveTimeout }) as unknown as HttpServer;
    direct.adapt(server);
    return server;
  }

  it.each([
    [5000, 75_000],
    [4999, 4999],
    [60_000, 60_000],
    [0, 0],
    [undefined, undefined],
  ])('a keepAliveTimeout of %s ms becomes %s ms', (given, expected) => {
    expect(adapted(given).keepAliveTimeout).toBe(expected);
  });

  it('responses on connections for another slot close them, before the app sees the request', () => {
    const server = adapted(5000);
    const seen: boolean[] = [];
    server.on('request', (_request, { shouldKeepAlive }) => seen.push(shouldKeepAlive));
    for (const localPort of [80, 4002, 4001])
      server.emit('request', { socket: socket(localPort) }, { shouldKeepAlive: true });
    expect(seen).toEqual([true, true, false]);
  });

  it('the listener is ahead of those that the app added before', () => {
    const server = new EventEmitter() as unknown as HttpServer;
    const seen: boolean[] = [];
    server.on('request', (_request, { shouldKeepAlive }) => seen.push(shouldKeepAlive));
    direct.adapt(server);
    server.emit('request', { socket: socket(4001) }, { shouldKeepAlive: true });
    expect(seen).toEqual([false]);
  });
});
