import { EventEmitter } from 'node:events';
import { serialize } from 'node:v8';
import { describe, expect, it, vi } from 'vitest';
import {
  ListenerKeys,
  type PrimaryMessage,
  receive,
  send,
  unpackAffinity,
  type WorkerMessage,
} from '../../src/cluster/protocol.ts';
import type { RawHandle } from '../../src/connection.ts';

const handle = { fd: 7, close: () => {} } satisfies RawHandle;
const message: PrimaryMessage = { type: 'notice' };

describe('send', () => {
  it('sends the message in an envelope that Node treats as internal, with the handle', () => {
    const sent = vi.fn();
    expect(send({ connected: true, send: sent }, message, handle)).toBe(true);
    expect(sent).toHaveBeenCalledExactlyOnceWith(
      { cmd: 'NODE_LIMPET', limpet: message },
      handle,
      undefined,
      expect.any(Function),
    );
  });

  it('returns false and sends nothing when the channel is closed', () => {
    const sent = vi.fn();
    expect(send({ connected: false, send: sent }, message)).toBe(false);
    expect(sent).not.toHaveBeenCalled();
  });

  it('returns false when the process never had a channel', () => {
    expect(send({ connected: true }, message)).toBe(false);
  });

  it('ignores a channel that closes between the check and the write', () => {
    const sent = vi.fn((_message, _handle, _options, callback: (error: Error) => void) =>
      callback(new Error('ERR_IPC_CHANNEL_CLOSED')),
    );
    expect(send({ connected: true, send: sent }, message)).toBe(true);
  });
});

describe('receive', () => {
  function channel() {
    const emitter = new EventEmitter();
    const taken: [WorkerMessage, RawHandle | undefined][] = [];
    receive<WorkerMessage>(emitter, (received, receivedHandle) => taken.push([received, receivedHandle]));
    return { emitter, taken };
  }

  it('passes on the message and the handle, as often as they come', () => {
    const { emitter, taken } = channel();
    const open: WorkerMessage = { type: 'open', listener: 3 };
    emitter.emit('internalMessage', { cmd: 'NODE_LIMPET', limpet: open }, handle);
    emitter.emit('internalMessage', { cmd: 'NODE_LIMPET', limpet: open });
    expect(taken).toEqual([
      [open, handle],
      [open, undefined],
    ]);
  });

  it('ignores internal messages of Node, of others, and without content', () => {
    const { emitter, taken } = channel();
    emitter.emit('internalMessage', { cmd: 'NODE_HANDLE', limpet: { type: 'stopped' } });
    emitter.emit('internalMessage', { limpet: { type: 'stopped' } });
    emitter.emit('internalMessage', { cmd: 'NODE_LIMPET' });
    emitter.emit('internalMessage', null);
    emitter.emit('internalMessage', undefined);
    emitter.emit('message', { cmd: 'NODE_LIMPET', limpet: { type: 'stopped' } });
    expect(taken).toEqual([]);
  });
});

it('unpackAffinity() restores what was packed, bytes included', () => {
  const settings = {
    cookie: undefined,
    sidKey: Uint8Array.of(1, 2, 3),
    proxied: true,
    forwarding: undefined,
  };
  const unpacked = unpackAffinity(serialize(settings).toString('base64'));
  expect({ ...unpacked, sidKey: [...unpacked.sidKey] }).toEqual({ ...settings, sidKey: [1, 2, 3] });
});

describe('the key of a listener', () => {
  const at = (port: number, host?: string, ipv6Only = false) => ({ port, host, ipv6Only, backlog: 511 });

  it('is the path of a unix socket', () => {
    expect(new ListenerKeys().of({ path: '/run/app.sock', backlog: 511 })).toBe('/run/app.sock');
  });

  it('is host, port and ipv6Only of a port, the same each time', () => {
    const keys = new ListenerKeys();
    expect(keys.of(at(3000))).toBe(':3000:false');
    expect(keys.of(at(3000))).toBe(':3000:false');
    expect(keys.of(at(3000, '::1', true))).toBe('::1:3000:true');
  });

  it('counts the listen() calls on port 0, for each host by itself', () => {
    const keys = new ListenerKeys();
    expect([keys.of(at(0)), keys.of(at(0)), keys.of(at(0, '127.0.0.1')), keys.of(at(0))]).toEqual([
      ':0:false#0',
      ':0:false#1',
      '127.0.0.1:0:false#0',
      ':0:false#2',
    ]);
    expect(new ListenerKeys().of(at(0))).toBe(':0:false#0');
  });
});
