import { EventEmitter } from 'node:events';
import type { Server } from 'node:net';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { forwardRequests } from '../../../src/adapter/forward/request-forwarding.ts';

const fakes = vi.hoisted(() => ({ forwarded: [] as unknown[][] }));
vi.mock('../../../src/adapter/forward/forward-request.ts', () => ({
  forwardRequest: (...args: unknown[]) => fakes.forwarded.push(['request', ...args]),
}));
vi.mock('../../../src/adapter/forward/forward-upgrade.ts', () => ({
  forwardUpgrade: (...args: unknown[]) => fakes.forwarded.push(['upgrade', ...args]),
}));
vi.mock('../../../src/adapter/forward/peer-socket.ts', () => ({
  isForwarded: (socket: unknown) => socket === 'from a peer',
}));

let server: EventEmitter;
/** The arguments with which the app's listeners are called. */
let seen: unknown[][];
let path: string | undefined;
let peerOf: ReturnType<typeof vi.fn>;

beforeEach(() => {
  fakes.forwarded.length = 0;
  [seen, path] = [[], '/run/peer.sock'];
  server = new EventEmitter();
  for (const event of ['request', 'upgrade', 'checkContinue', 'connect'])
    server.on(event, (...args) => seen.push([event, ...args]));
  peerOf = vi.fn(() => path);
  forwardRequests(server as Server, peerOf as () => string | undefined);
});

const request = (more: object = {}) => ({ httpVersionMajor: 1, socket: 'from a client', ...more });

describe('forwardRequests()', () => {
  it('forwards a request that belongs to a peer, and the app does not see it', () => {
    const asked = request();
    expect(server.emit('request', asked, 'response')).toBe(true);
    expect(peerOf).toHaveBeenCalledExactlyOnceWith(asked);
    expect(fakes.forwarded).toEqual([['request', path, asked, 'response', false, expect.any(Function)]]);
    expect(seen).toEqual([]);
  });

  it('forwards a request that waits for 100 Continue', () => {
    const asked = request();
    expect(server.emit('checkContinue', asked, 'response')).toBe(true);
    expect(fakes.forwarded).toEqual([['request', path, asked, 'response', true, expect.any(Function)]]);
  });

  it('forwards an upgrade', () => {
    const asked = request();
    expect(server.emit('upgrade', asked, 'socket', 'head')).toBe(true);
    expect(fakes.forwarded).toEqual([['upgrade', path, asked, 'socket', 'head', expect.any(Function)]]);
  });

  it.each(['request', 'upgrade', 'checkContinue'])('serves the %s here if the peer cannot', (event) => {
    const asked = request();
    server.emit(event, asked, 'second', 'third');
    expect(seen).toEqual([]);
    const serveHere = fakes.forwarded[0]?.at(-1) as () => void;
    serveHere();
    expect(seen).toEqual([[event, asked, 'second', 'third']]);
  });

  it('serves a request here that belongs to no peer', () => {
    path = undefined;
    const asked = request();
    expect(server.emit('request', asked, 'response')).toBe(true);
    expect([fakes.forwarded, seen]).toEqual([[], [['request', asked, 'response']]]);
  });

  it.each([
    ['of HTTP/2', { httpVersionMajor: 2 }],
    ['that a peer has forwarded', { socket: 'from a peer' }],
  ])('serves a request here %s, and asks for no peer', (_, more) => {
    const asked = request(more);
    server.emit('request', asked, 'response');
    expect([fakes.forwarded, seen]).toEqual([[], [['request', asked, 'response']]]);
    expect(peerOf).not.toHaveBeenCalled();
  });

  it('passes other events on, with their result', () => {
    expect(server.emit('connect', request())).toBe(true);
    expect(server.emit('clientError', request())).toBe(false);
    expect([fakes.forwarded, seen]).toEqual([[], [['connect', request()]]]);
  });
});
