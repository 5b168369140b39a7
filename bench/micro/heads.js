/** Compares the native and the TypeScript reader of request heads, with complete heads as browsers send them. */
import { headBinding } from '../../dist/binding/head-binding.js';
import { native } from '../../dist/binding/native.js';
import { typescriptHead } from '../../dist/binding/typescript/head-calls.js';
import { measure } from './measure.js';

const key = new Uint8Array(16).fill(7);
const peer = { address: new Uint8Array(16).fill(1), port: 1 };
const hour = 490_000;

/** A head of about 700 bytes. */
const head = (target, ...lines) =>
  Buffer.from(
    `GET ${target} HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko\r\n` +
      'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n' +
      `Accept-Encoding: gzip, deflate, br\r\nReferer: https://www.example.org/${'x'.repeat(200)}\r\n` +
      `${lines.map((line) => `${line}\r\n`).join('')}\r\n`,
  );

const cases = {
  header: [{ kind: 'header', name: 'x-user' }, head('/', 'X-User: ada')],
  query: [{ kind: 'query', name: 'room' }, head('/chat?a=1&room=blue%20room')],
  'a cookie that is not ours': [
    { kind: 'affinity-cookie' },
    head('/', 'Cookie: a=b; limpet=1.n.7.490000.0123456789abcdef'),
  ],
  'a sid that is not ours': [
    { kind: 'sid' },
    head('/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA'),
  ],
};

/**
 * @param {import('../parts.js').Run} run
 * @returns {import('./measure.js').Row[]} only the TypeScript implementation if there is no native addon
 */
export function measureHeads(run) {
  const engines =
    native() === null ? { twin: typescriptHead } : { native: headBinding(), twin: typescriptHead };
  return Object.entries(cases).flatMap(([task, [rule, bytes]]) => {
    const calls = Object.entries(engines).map(([name, engine]) => {
      const chain = engine.compile({
        rules: [rule, { kind: 'address' }],
        proxyHeader: { use: 'ignored', optional: true, trust: new Uint8Array() },
        cookie: { name: 'limpet', node: 'n', key, hoursMax: 168 },
        sidKey: key,
        headBytesMax: 16_384,
      });
      return [name, () => engine.begin(chain, peer).decide(bytes, false, hour)];
    });
    return measure(run, `${bytes.length} bytes, ${task}`, Object.fromEntries(calls));
  });
}
