import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type EdgeSettings, haproxy, nginx } from '../../src/edge/index.ts';
import { LimpetError } from '../../src/errors.ts';

const generators = { nginx, haproxy };
const secret = 'the same on each machine';
const base: EdgeSettings = { nodes: ['10.0.0.1', '10.0.0.2'], workers: 2, directPort: 4000, port: 3000 };

const wrong: [keyof typeof generators, object, RegExp][] = [
  ['nginx', { nodes: [] }, /nodes.*at least one/],
  ['nginx', { nodes: undefined }, /nodes is missing/],
  ['nginx', { workers: undefined }, /workers is missing/],
  ['nginx', { via: 'direct', directPort: undefined }, /directPort is missing/],
  ['haproxy', { via: 'shared', port: undefined }, /port is missing/],
  ['haproxy', { nodes: ['10.0.0.1', '10.0.0.1'] }, /10\.0\.0\.1-0 occurs twice/],
  ['haproxy', { directPort: 65_535 }, /over 65535/],
  ['haproxy', { nodes: ['evil host; }'] }, /host/],
  ['nginx', { nodes: [{ host: 'a', name: 'x\n}' }] }, /name/],
  ['nginx', { workres: 3 }, /Did you mean workers/],
  ['nginx', { affinity: 'cokie' }, /affinity/],
  ['nginx', { affinity: [{ header: 'x-user' }, 'cookie'] }, /Put 'cookie' first/],
  ['nginx', { affinity: { header: 'x user;' } }, /name of a header/],
  ['nginx', { affinity: { query: 'a-b' } }, /hyphen/],
  ['nginx', { via: 'shared', affinity: 'cookie' }, /streams only/],
  ['nginx', { via: 'shared', trust: ['10.0.0.0/8'] }, /X-Forwarded-For in a stream/],
  ['nginx', { maxLoad: 1.5 }, /cannot limit the load/],
  ['nginx', { version: '1.10' }, /older than nginx 1.18/],
  ['haproxy', { version: '2.4' }, /older than HAProxy 2.6/],
  ['haproxy', { affinity: 'cookie' }, /secret/],
  ['haproxy', { tls: { certificate: '/c.pem', key: '/k.pem' } }, /\/c\.pem\.key/],
  ['haproxy', { tls: { certificate: '/c.pem; daemon' } }, /path of a file/],
  ['haproxy', { tls: {} }, /certificate is missing/],
  ['haproxy', { trust: ['everyone'] }, /addresses and CIDRs/],
  ['haproxy', { listen: 'localhost:80' }, /listen/],
  ['haproxy', { healthPath: '/health\nserver x' }, /healthPath/],
];

test.each(wrong)('%s rejects the settings %j with a clear error', (proxy, settings, message) => {
  const generate = () => generators[proxy]({ ...base, ...settings } as EdgeSettings);
  expect(generate).toThrow(message);
  expect(generate).toThrow(LimpetError);
});

describe.each(['nginx', 'haproxy'] as const)('%s', (proxy) => {
  const write = (settings: Partial<EdgeSettings> = {}) => generators[proxy]({ ...base, secret, ...settings });

  test('the same settings give the same text, and the text does not contain the secret', () => {
    const affinity = ['cookie', { header: 'x-user' }] as const;
    expect(write({ affinity })).toBe(write({ affinity }));
    expect(write({ affinity })).not.toContain(secret);
  });

  test('each worker occurs once, and an IPv6 address is in brackets', () => {
    const text = write({ nodes: ['10.0.0.1', { host: '2001:db8::5', name: 'six', workers: 3 }] });
    const servers = [...text.matchAll(/^ *server .*:\d+ .*/gm)];
    expect(servers.length).toBe(5);
    expect(text).toContain('[2001:db8::5]:4002');
    expect(text).toContain('six-2');
  });

  test('another machine does not change the lines of the others', () => {
    const lines = (text: string) => text.split('\n').filter((line) => /^ *server .*:\d/.test(line));
    const before = lines(write());
    const after = lines(write({ nodes: ['10.0.0.9', ...base.nodes] }));
    expect(after.length).toBe(6);
    expect(after).toEqual(expect.arrayContaining(before));
  });

  test('TLS is terminated with version 1.2 or later', () => {
    const text = write({ tls: { certificate: '/etc/site.pem' } });
    expect(text).toMatch(/TLSv1\.2 (TLSv1\.3|no-tls-tickets)/);
    expect(text).toMatch(/listen \[::\]:443|bind \*:443/);
  });
});

test('nginx uses its own sticky cookies from 1.29.6 on, and the directive http2 from 1.25.1 on', () => {
  const settings: EdgeSettings = { ...base, affinity: 'cookie', tls: { certificate: '/c.pem' } };
  expect(nginx(settings)).toContain('hash $limpet_client consistent');
  expect(nginx(settings)).toContain('ssl http2;');
  const newer = nginx({ ...settings, version: '1.29.6' });
  expect(newer).toContain('sticky cookie limpet_edge path=/ httponly samesite=lax secure;');
  expect(newer).toContain('http2 on;');
  expect(newer).not.toContain('$limpet_client');
});

describe('limpet edge', () => {
  const cli = fileURLToPath(new URL('../../dist/cli/limpet.js', import.meta.url));
  const run = (...words: string[]) =>
    execFileSync(process.execPath, [cli, 'edge', ...words], { encoding: 'utf8' });

  test('prints the text that the function returns', () => {
    const words =
      '--node a=10.0.0.1 --node 10.0.0.2 -w 2 --direct-port 4000 --affinity header:x-user --listen 8080';
    expect(run('haproxy', ...words.split(' '))).toBe(
      haproxy({
        nodes: [{ host: '10.0.0.1', name: 'a' }, '10.0.0.2'],
        workers: 2,
        directPort: 4000,
        affinity: { header: 'x-user' },
        listen: 8080,
      }),
    );
  });
});
