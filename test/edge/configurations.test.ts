/**
 * Compares whole configurations with the files in configurations/. matrix.wide.ts shows that the proxies accept such files. After a
 * wanted change, write them again with `npx vitest run --project test test/edge/configurations.test.ts -u`, and read the difference.
 */
import { expect, test } from 'vitest';
import { type EdgeSettings, haproxy, nginx } from '../../src/edge/index.ts';
import type { LimpetError } from '../../src/errors.ts';

const generators = { nginx, haproxy };
type Proxy = keyof typeof generators;
const secret = 'the same on each machine';
const direct = {
  nodes: ['10.0.0.1', { host: '2001:db8::5', name: 'six', workers: 1 }],
  workers: 2,
  directPort: 4000,
};
const shared = { nodes: ['10.0.0.1', { host: 'b.example', workers: 3, port: 3001 }], workers: 2, port: 3000 };
const tls = { certificate: '/etc/site.pem' };
const keys = [{ header: 'X-User' }, { query: 'room' }, { cookie: 'sid' }] as const;

const written: [Proxy, string, EdgeSettings][] = [
  ['nginx', 'direct', direct],
  ['nginx', 'direct-cookie-tls', { ...direct, affinity: 'cookie', tls: { ...tls, key: '/etc/site.key' } }],
  ['nginx', 'direct-sticky-tls', { ...direct, affinity: ['cookie', ...keys], tls, version: '1.29.6' }],
  [
    'nginx',
    'direct-keys-trust',
    {
      ...direct,
      affinity: [...keys, 'socket.io', 'address'],
      trust: ['10.1.0.0/16', '2001:db8::1'],
      quietMs: 90_500,
    },
  ],
  [
    'nginx',
    'direct-health-listen',
    { ...direct, healthPath: '/health', listen: [8080, '192.0.2.1:80', '[2001:db8::1]:80'] },
  ],
  ['nginx', 'shared', shared],
  ['nginx', 'shared-tls', { ...shared, nodes: ['10.0.0.1', '10.0.0.2'], healthPath: '/health', tls }],
  ['haproxy', 'direct', direct],
  [
    'haproxy',
    'direct-cookie-tls',
    { ...direct, affinity: ['cookie', { header: 'X-User' }], tls, secret, healthPath: '/health' },
  ],
  ['haproxy', 'direct-cookie', { ...direct, affinity: 'cookie', secret, maxLoad: 1.25 }],
  [
    'haproxy',
    'direct-keys-trust',
    { ...direct, affinity: keys, trust: ['10.1.0.0/16', '2001:db8::1'], listen: '192.0.2.1:80' },
  ],
  ['haproxy', 'shared', { ...shared, quietMs: 90_500, affinity: 'proxy-protocol' }],
];

test.each(written)('%s: %s', async (proxy, name, settings) => {
  const extension = proxy === 'nginx' ? 'conf' : 'cfg';
  await expect(generators[proxy](settings)).toMatchFileSnapshot(
    `configurations/${proxy}-${name}.${extension}`,
  );
});

const rejected: [Proxy, object][] = [
  ['nginx', { nodes: undefined }],
  ['nginx', { nodes: 'a' }],
  ['nginx', { nodes: [] }],
  ['nginx', { nodes: [{ name: 'a' }] }],
  ['nginx', { nodes: [{ host: 'a', name: 'a b' }] }],
  ['nginx', { nodes: [{ host: '-a' }] }],
  ['nginx', { nodes: [{ host: 'a', port: 65_536 }] }],
  ['nginx', { nodes: ['a', 'a'] }],
  [
    'nginx',
    {
      nodes: [
        { host: 'a', name: 'x' },
        { host: 'b', name: 'x' },
      ],
    },
  ],
  ['nginx', { directPort: 65_535 }],
  ['nginx', { directPort: 0 }],
  ['nginx', { workers: 257 }],
  ['nginx', { workers: undefined }],
  ['nginx', { via: 'direct', directPort: undefined }],
  ['nginx', { via: 'shared', port: undefined }],
  ['nginx', { via: 'other' }],
  ['nginx', { tls: true }],
  ['nginx', { tls: {} }],
  ['nginx', { tls: { certificate: '/a b' } }],
  ['nginx', { tls: { certificate: '/a', kee: '/b' } }],
  ['nginx', { healthPath: 'health' }],
  ['nginx', { secret: 'too short' }],
  ['nginx', { trust: '10.0.0.1' }],
  ['nginx', { trust: ['10.0.0.0/8', 'all'] }],
  ['nginx', { quietMs: -1 }],
  ['nginx', { version: '1' }],
  ['nginx', { version: '1.17.10' }],
  ['haproxy', { version: '2.5' }],
  ['nginx', { listen: 0 }],
  ['nginx', { listen: [80, 'host:80'] }],
  ['nginx', { listen: '65536' }],
  ['nginx', { affinity: 'other' }],
  ['nginx', { affinity: { by: 'other' } }],
  ['nginx', { affinity: { other: 'a' } }],
  ['nginx', { affinity: { header: 'a', query: 'b' } }],
  ['nginx', { affinity: { header: '-a' } }],
  ['nginx', { affinity: [{ header: 'a' }, 'cookie'] }],
  ['nginx', { affinity: { query: 'a-b' } }],
  ['nginx', { affinity: { cookie: 'a-b' } }],
  ['nginx', { via: 'shared', affinity: 'cookie' }],
  ['nginx', { via: 'shared', affinity: { header: 'a' } }],
  ['nginx', { via: 'shared', trust: ['10.0.0.1'] }],
  ['nginx', { maxLoad: 1.01 }],
  ['haproxy', { maxLoad: 1 }],
  ['haproxy', { maxLoad: 10.1 }],
  ['haproxy', { affinity: 'cookie' }],
  ['haproxy', { tls: { certificate: '/a', key: '/b' } }],
];

test('the message and the facts of each rejected setting', async () => {
  const lines = rejected.map(([proxy, settings]) => {
    try {
      generators[proxy]({ ...direct, port: 3000, ...settings } as EdgeSettings);
    } catch (error) {
      const { code, message, facts } = error as LimpetError;
      return `${proxy} ${JSON.stringify(settings)}\n  ${code}: ${message}\n  ${JSON.stringify(facts)}\n`;
    }
    throw new Error(`${proxy} accepts ${JSON.stringify(settings)}, expected an error`);
  });
  await expect(lines.join('')).toMatchFileSnapshot('configurations/rejected.txt');
});

test.each([
  ['nginx', { version: '1.18' }],
  ['haproxy', { version: '2.6.0' }],
  ['haproxy', { maxLoad: 1.01 }],
  ['haproxy', { maxLoad: 10 }],
  ['nginx', { directPort: 65_534, nodes: ['a'] }],
  ['nginx', { listen: [1, '65535'] }],
  ['haproxy', { tls: { certificate: '/a', key: '/a' } }],
  ['haproxy', { tls: { certificate: '/a', key: '/a.key' } }],
  ['nginx', { secret: '16 bytes of text' }],
] as [Proxy, object][])('%s accepts %j, at the limit', (proxy, settings) => {
  expect(() => generators[proxy]({ ...direct, ...settings } as EdgeSettings)).not.toThrow();
});

test.each([
  [4, 32],
  [5, 40],
  [511, 4088],
  [513, 4096],
])('nginx keeps 8 idle connections for each of %i workers, from 32 to 4096', (workers, idle) => {
  const nodes = Array.from({ length: workers }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  expect(nginx({ nodes, workers: 1, directPort: 4000 })).toContain(`\n        keepalive ${idle};\n`);
});

test.each([
  [16, 16],
  [4096, 16],
  [4097, 4],
])('HAProxy gives each of %i workers the weight %i', (workers, weight) => {
  const nodes = Array.from({ length: workers }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  const text = haproxy({ nodes, workers: 1, directPort: 4000 });
  expect(text.match(new RegExp(` id \\d+ weight ${weight}$`, 'gm'))).toHaveLength(workers);
  expect(new Set(text.match(/ id \d+ /g)).size).toBe(workers);
});
