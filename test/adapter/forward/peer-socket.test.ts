import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { isForwarded, PeerSocket } from '../../../src/adapter/forward/peer-socket.ts';
import { makeProxyHeader } from '../../../src/adapter/proxied-client.ts';

let folder: string;
let path: string;
let app: EventEmitter;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'limpet-peer-'));
  path = join(folder, 'peer.sock');
  app = new EventEmitter();
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function open(server: EventEmitter = app): Promise<PeerSocket> {
  const peerSocket = await new Promise<PeerSocket>((resolve) => {
    const made: PeerSocket = new PeerSocket(path, server as Server, () => resolve(made));
  });
  onTestFinished(() => peerSocket.close(() => {}));
  return peerSocket;
}

/** A peer's connection. */
function dial(): Socket {
  const socket = connect({ path, allowHalfOpen: true }).on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

const header = makeProxyHeader('203.0.113.7', 4711);
const soon = () => new Promise((resolve) => setTimeout(resolve, 20));

describe('the socket file', () => {
  it('admits its owner alone', async () => {
    await open();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('replaces what a killed process has left', async () => {
    writeFileSync(path, 'left behind');
    await open();
    expect(statSync(path).isSocket()).toBe(true);
  });

  it('is removed at close()', async () => {
    const peerSocket = await open();
    await new Promise<void>((resolve) => peerSocket.close(resolve));
    expect(existsSync(path)).toBe(false);
  });

  it('that cannot be made is a fault', async () => {
    const faults: unknown[] = [];
    const fault = new Promise<void>((resolve) => {
      const listener = (each: unknown) => {
        faults.push(each);
        unsubscribe('limpet:fault', listener);
        resolve();
      };
      subscribe('limpet:fault', listener);
    });
    new PeerSocket(join(folder, 'nowhere', 'peer.sock'), app as Server, () => {
      throw new Error('it is not open');
    });
    await fault;
    expect(faults).toEqual([{ where: 'peer socket', error: expect.objectContaining({ syscall: 'listen' }) }]);
  });
});

describe('a connection from a peer', () => {
  it('goes to the app with the client of its PROXY header, and the bytes behind that', async () => {
    await open();
    const delivered = once(app, 'connection');
    dial().end(Buffer.concat([header, Buffer.from('the request')]));
    const [socket] = (await delivered) as [Socket];
    const { remoteAddress, remotePort, remoteFamily } = socket;
    expect([remoteAddress, remotePort, remoteFamily]).toEqual(['203.0.113.7', 4711, 'IPv4']);
    expect([isForwarded(socket), 'encrypted' in socket]).toEqual([true, false]);
    expect(String(Buffer.concat(await socket.toArray()))).toBe('the request');
  });

  it('names an IPv6 client', async () => {
    await open();
    const delivered = once(app, 'connection');
    dial().end(makeProxyHeader('2001:db8::7', 1));
    const [{ remoteAddress, remoteFamily }] = (await delivered) as [Socket];
    expect([remoteAddress, remoteFamily]).toEqual(['2001:db8::7', 'IPv6']);
  });

  it('may send its header in pieces', async () => {
    await open();
    let deliveries = 0;
    app.on('connection', () => deliveries++);
    const peer = dial();
    for (const byte of header.subarray(0, -1)) peer.write(Buffer.of(byte));
    await soon();
    expect(deliveries).toBe(0);
    peer.write(header.subarray(-1));
    await once(app, 'connection');
    expect(deliveries).toBe(1);
  });

  it('goes to the app without a client if the header names none', async () => {
    await open();
    const delivered = once(app, 'connection');
    dial().end(makeProxyHeader(undefined, undefined));
    expect(((await delivered)[0] as Socket).remoteAddress).toBeUndefined();
  });

  it('enters a server with TLS as decrypted', async () => {
    const secure = Object.assign(new EventEmitter(), { setSecureContext: () => {} });
    await open(secure);
    const delivered = once(secure, 'secureConnection');
    dial().write(header);
    expect((await delivered)[0]).toMatchObject({ encrypted: true, remoteAddress: '203.0.113.7' });
  });

  it.each([
    ['without a header', 'GET / HTTP/1.1\r\n\r\n'],
    ['with a malformed header', Buffer.concat([header.subarray(0, 12), Buffer.of(0x31, 0, 0, 0)])],
  ])('is closed %s', async (_, bytes) => {
    await open();
    app.on('connection', () => {
      throw new Error('it reached the app');
    });
    const peer = dial().resume();
    peer.write(bytes);
    await once(peer, 'end');
  });

  it('that ends before its header is closed, so that it does not delay the drain', async () => {
    const peerSocket = await open();
    const peer = dial().resume();
    peer.end(header.subarray(0, 20));
    await once(peer, 'end');
    await new Promise<void>((resolve) => peerSocket.close(resolve));
  });
});

describe('close()', () => {
  it('closes idle connections as they appear, and is done when the last one is closed', async () => {
    let idleClosings = 0;
    const server = Object.assign(new EventEmitter(), { closeIdleConnections: () => idleClosings++ });
    const peerSocket = await open(server);
    const delivered = once(server, 'connection');
    dial().write(header);
    const [socket] = (await delivered) as [Socket];
    let isDone = false;
    const done = new Promise<void>((resolve) => {
      peerSocket.close(() => {
        isDone = true;
        resolve();
      });
    });
    expect(idleClosings).toBe(1);
    await expect.poll(() => idleClosings).toBeGreaterThan(1);
    expect(isDone).toBe(false);
    socket.destroy();
    await done;
    const after = idleClosings;
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(idleClosings).toBe(after);
  });
});

it('a connection that did not come by a peer socket is not forwarded', () => {
  expect(isForwarded({})).toBe(false);
});
