import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { needs } from '../needs.ts';
import { type Act, prove } from './three-machines.ts';

const clients = Number(process.env.LIMPET_SOAK_CLIENTS ?? 1000);
const trial = { clients, thinkMs: 2000, noticeMs: 5000, checkMs: 1000 };

/** Adds to bench/results/three-machines.md when LIMPET_SOAK_RECORD says so. */
function record(name: string, acts: readonly Act[], sessionsLost: number): void {
  const rows = acts.map(
    ({ name: what, requests, failures, astray, moved, needless, optimum }) =>
      `| ${name} | ${what} | ${requests} | ${failures.length} | ${astray} | ${moved} | ${optimum} | ${needless} |\n`,
  );
  for (const { failures } of acts) if (failures.length > 0) console.log(failures);
  const text = `${rows.join('')}\n${name}: ${clients} clients, ${sessionsLost} sessions lost\n\n`;
  console.log(text);
  if (!process.env.LIMPET_SOAK_RECORD) return;
  const file = fileURLToPath(new URL('../../bench/results/three-machines.md', import.meta.url));
  mkdirSync(fileURLToPath(new URL('../../bench/results/', import.meta.url)), { recursive: true });
  writeFileSync(file, text, { flag: 'a' });
}

test.each((['haproxy', 'nginx'] as const).filter((name) => needs(name) && needs('redis-server')))(
  'three machines behind %s',
  { timeout: 600_000 },
  async (name) => {
    const { acts, sessionsLost } = await prove(name, trial);
    record(name, acts, sessionsLost);
    expect(sessionsLost).toBe(0);
  },
);
