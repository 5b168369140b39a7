import { createServer as createHttpServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { recognize } from '../../src/adapter/recognize.ts';

/** The methods of every uWebSockets.js app. */
const oldUwsApp = () => ({ filter() {}, numSubscribers: () => 0, close() {} });
/** The app of v20.49.0, which can adopt connections. */
const uwsApp = () => ({ ...oldUwsApp(), adoptSocket() {} });

describe('recognize()', () => {
  it.each([
    ['a net server', createServer(), false],
    ['an http server', createHttpServer(), false],
    ['an http2 server with TLS', createSecureServer({}), true],
    ['an object with a server', { server: createServer() }, false],
    ['a request handler', () => {}, false],
    ['a handler with a server', Object.assign(() => {}, { server: undefined }), false],
  ])('finds the server in %s', (_, given, tls) => {
    expect(recognize(given)).toMatchObject({ kind: 'node', tls });
  });

  it('finds a uWebSockets.js app, and whether it speaks TLS', () => {
    class SSLApp {}
    const secure = Object.assign(new SSLApp(), uwsApp());
    expect(recognize(uwsApp())).toMatchObject({ kind: 'uws', tls: false });
    expect(recognize(secure)).toMatchObject({ kind: 'uws', tls: true });
  });

  it('rejects a uWebSockets.js app that is too old, and names the version that is needed', () => {
    expect(() => recognize(oldUwsApp())).toThrow(
      expect.objectContaining({ code: 'ERR_LIMPET_ADAPTER', message: expect.stringMatching(/v20\.49/) }),
    );
  });

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [7, 'number'],
    [{}, 'object'],
    [{ server: {} }, 'object'],
  ])('rejects %j', (given, type) => {
    expect(() => recognize(given)).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_ADAPTER',
        message: expect.stringMatching(
          new RegExp(`^listen\\(\\) got ${type} as its server, expected .*uWebSockets`),
        ),
      }),
    );
  });

  it('rejects a server that listens already', () => {
    const server = Object.defineProperty(createServer(), 'listening', { value: true });
    expect(() => recognize(server)).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_ADAPTER',
        message: expect.stringMatching(/listens already, .* Remove/),
      }),
    );
  });

  it('makes the adapter of a server, and in the primary its stub', () => {
    const server = createServer();
    const recognized = recognize(server);
    expect(recognized.adapter(() => {})).toMatchObject({ server, open: 0 });
    const heard: unknown[] = [];
    server.on('listening', () => heard.push(server.address()));
    const address = { address: '::', family: 'IPv6', port: 80 } as const;
    recognized.primaryStub(async () => {}).bound(address);
    expect(heard).toEqual([address]);
  });
});
