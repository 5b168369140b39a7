import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loopback } from './router-parts.js';

const script = fileURLToPath(new URL('../fixtures/handoff/namespace.js', import.meta.url));
const possible = spawnSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up']).status === 0;

interface Report {
  readonly handoff: { name: string; reason: string };
  readonly moved: number;
  readonly missteered: number;
  readonly asked: number;
}

/** Runs the script in a new network namespace. */
async function inNamespace(test: Record<string, unknown>): Promise<Report> {
  const child = spawn('unshare', ['-n', process.execPath, script], {
    env: { ...process.env, LIMPET_TEST_NAMESPACE: JSON.stringify(test) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(0);
  return JSON.parse(output) as Report;
}

/** Addresses that differ in their first 48 bits, in the next 16, and in the last 64. */
function ipv6(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const hex = (n: number) => (n & 0xffff).toString(16);
    return `2001:db8:${hex(i * 7919)}:${hex(i * 104729)}::${hex(i + 1)}`;
  });
}

const targets = { ipv4: '127.0.0.1', ipv6: '2001:db8::1' };

describe.skipIf(!possible)('in a new network namespace (needs the right to create one)', () => {
  for (const ipv6Prefix of [32, 48, 56, 64]) {
    it(`kernel on a dual-stack socket with ipv6Prefix ${ipv6Prefix} sends every client to its home`, async () => {
      const report = await inNamespace({
        listen: { port: 0 },
        options: { workers: 3, handoff: 'kernel', ipv6Prefix },
        targets,
        sources: [...ipv6(400), ...loopback(200)],
      });
      expect(report).toMatchObject({ handoff: { name: 'kernel' }, moved: 0, missteered: 0 });
    });
  }

  it('kernel on an IPv6-only socket sends every client to its home', async () => {
    const report = await inNamespace({
      listen: { port: 0, host: '2001:db8::1', ipv6Only: true },
      options: { workers: 2, handoff: 'kernel' },
      targets,
      sources: ipv6(300),
    });
    expect(report).toMatchObject({ handoff: { name: 'kernel' }, moved: 0, missteered: 0 });
  });

  it('with optmem_max 20480, a program for 1,024 buckets fits for every number of slots', () => {
    const everyTable = fileURLToPath(new URL('../fixtures/handoff/every-table.js', import.meta.url));
    const commands = 'ip link set lo up && sysctl -q -w net.core.optmem_max=20480 && exec "$0" "$1"';
    const { status, stderr } = spawnSync(
      'unshare',
      ['-n', 'sh', '-c', commands, process.execPath, everyTable],
      { encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it('if the program is larger than optmem_max allows, fd serves and the status says why', async () => {
    const report = await inNamespace({
      optmemMax: 20_480,
      listen: { port: 0, host: '127.0.0.1' },
      options: { workers: 3, handoff: 'auto', buckets: 16_384 },
      targets,
      sources: loopback(100),
    });
    expect(report).toMatchObject({ handoff: { name: 'fd' }, moved: 0 });
    expect(report.handoff.reason).toMatch(/kernel is not possible.*net\.core\.optmem_max/);
  });
});
