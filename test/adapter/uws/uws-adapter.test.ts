import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { clientAddress } from '../../../src/adapter/proxied-client.ts';
import { recognize } from '../../../src/adapter/recognize.ts';
import { AdoptedDescriptors } from '../../../src/adapter/uws/adopted-descriptors.ts';
import { UwsResponses } from '../../../src/adapter/uws/uws-responses.ts';
import { type HandoffBinding, handoffBinding } from '../../../src/binding/handoff-binding.ts';

const binding = handoffBinding() as HandoffBinding;

/** What every uWS app has, and what v20.49 brought. */
const oldApp = () => ({ filter() {}, numSubscribers: () => 0, close() {} });
const app = () => ({ ...oldApp(), adoptSocket() {} });

describe('recognize()', () => {
  test('a uWS app, and whether it speaks TLS', () => {
    class SSLApp {}
    const secure = Object.assign(new SSLApp(), app());
    expect(recognize(app())).toMatchObject({ kind: 'uws', tls: false });
    expect(recognize(secure)).toMatchObject({ kind: 'uws', tls: true });
  });

  test('a uWS app that is too old: the error names the version that is needed', () => {
    expect(() => recognize(oldApp())).toThrow(
      expect.objectContaining({ code: 'ERR_LIMPET_ADAPTER', message: expect.stringMatching(/v20\.49/) }),
    );
  });

  test.each([undefined, null, 7, {}, { server: {} }])('no server: %j', (given) => {
    expect(() => recognize(given)).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_ADAPTER',
        message: expect.stringMatching(/expected .*uWebSockets\.js/),
      }),
    );
  });

  test('in the primary, close() of a uWS app closes the router', async () => {
    const given = app();
    const closed = new Promise<void>((resolve) => {
      recognize(given).primaryStub(async () => resolve());
    });
    given.close();
    await closed;
  });
});

describe('clientAddress()', () => {
  const of = (hex: string) => {
    const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
    return clientAddress({ getRemoteAddress: () => bytes.buffer });
  };

  test.each([
    ['cb007107', '203.0.113.7'],
    ['0000 0000 0000 0000 0000 ffff cb00 7107', '203.0.113.7'],
    ['2001 0db8 0000 0000 0000 0000 0000 0007', '2001:db8::7'],
    ['2001 0db8 0000 0001 0000 0000 0000 0001', '2001:db8:0:1::1'],
    ['2001 0db8 0000 0000 ffff cb00 7107 0000', '2001:db8::ffff:cb00:7107:0'],
    ['0000 0000 0000 0000 0000 0000 0000 0001', '::1'],
    ['0000 0000 0000 0000 0000 0000 0000 0000', '::'],
    ['', ''],
  ])('%s is %s', (hex, text) => {
    expect(of(hex)).toBe(text);
  });
});

test('GivenDescriptors counts what is open, though numbers are used again', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address() as AddressInfo as { address: string; family: 'IPv4'; port: number };
  let closed = 0;
  const given = new AdoptedDescriptors(binding, bound, () => closed++);
  const clients: Socket[] = [];
  const numbers: number[] = [];
  const accept = async () => {
    const client = connect(bound.port, '127.0.0.1');
    const [socket] = (await once(server, 'connection')) as [Socket & { _handle: { fd: number } }];
    const fd = binding.duplicate(socket._handle.fd);
    socket.destroy();
    given.add(fd);
    clients.push(client.on('error', () => {}));
    numbers.push(fd);
  };
  for (let n = 0; n < 3; n++) await accept();
  expect([given.count(), closed]).toEqual([3, 0]);

  const [first, second, third] = numbers as [number, number, number];
  closeSync(first);
  closeSync(second);
  const file = openSync('/dev/null', 'r');
  expect(numbers, 'the file has a number that was a connection’s').toContain(file);
  expect([given.count(), closed]).toEqual([1, 2]);

  given.add(third);
  expect([given.count(), closed], 'the number of one that must be closed came again').toEqual([1, 3]);
  closeSync(file);
  closeSync(third);
  expect([given.count(), closed]).toEqual([0, 4]);
  for (const client of clients) client.destroy();
  server.close();
});

describe('UwsResponses', () => {
  class Response {
    readonly calls: unknown[][] = [];
    write(...args: unknown[]) {
      return this.calls.push(['write', ...args]);
    }
    end(...args: unknown[]) {
      return this.calls.push(['end', ...args]);
    }
    endWithoutBody(...args: unknown[]) {
      return this.calls.push(['endWithoutBody', ...args]);
    }
  }
  /** A class of its own for each test: it is changed for good. */
  const responses = () => {
    class Own extends Response {}
    for (const name of ['write', 'end', 'endWithoutBody'] as const) {
      Own.prototype[name] = Response.prototype[name];
    }
    const tamer = new UwsResponses();
    tamer.observe(new Own());
    return { tamer, make: () => new Own() };
  };

  test('leaves answers alone until told', () => {
    const { make } = responses();
    const response = make();
    response.write('a');
    response.end('b', false);
    expect(response.calls).toEqual([
      ['write', 'a'],
      ['end', 'b', false],
    ]);
  });

  test('then ends each with a close, save a stream that was begun before or after', () => {
    const { tamer, make } = responses();
    const before = make();
    before.write('a');
    tamer.closeConnections();
    const [plain, empty, after, headless, head] = [make(), make(), make(), make(), make()];
    before.end('b');
    plain.end('b');
    empty.end();
    after.write('a');
    after.end();
    headless.endWithoutBody();
    head.endWithoutBody(5);
    expect(before.calls.at(-1)).toEqual(['end', 'b', false]);
    expect(plain.calls).toEqual([['end', 'b', true]]);
    expect(empty.calls).toEqual([['end', undefined, true]]);
    expect(after.calls.at(-1)).toEqual(['end', undefined, false]);
    expect(headless.calls).toEqual([['endWithoutBody']]);
    expect(head.calls).toEqual([['endWithoutBody', 5, true]]);
  });
});
