import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { haproxy, nginx } from '../../src/edge/index.ts';

const read = (path: string) => readFileSync(new URL(`../../examples/${path}`, import.meta.url), 'utf8');
const base = { nodes: ['127.0.0.1'], workers: 4, listen: '127.0.0.1:8080' };

test('the configurations of the examples are what their commands print', () => {
  expect(read('nginx/nginx.conf')).toBe(nginx({ ...base, directPort: 4000, affinity: 'cookie' }));
  const shared = { ...base, via: 'shared', port: 3000, healthPath: '/health' } as const;
  expect(read('haproxy/haproxy.cfg')).toBe(haproxy(shared));
});
