import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { busyShare } from '../../bench/quiet.js';

/** The machine, the version and the time of a measurement. `busyBefore` is the part of the CPU, 0 to 1, that other programs used. */
export async function stamp(): Promise<object> {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--', 'src', 'native') !== '';
  return {
    at: new Date().toISOString(),
    commit: git('rev-parse', '--short=12', 'HEAD') + (changed ? ' and changes' : ''),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    kernel: release(),
    node: process.version,
    busyBefore: await busyShare(),
  };
}

/** Prints the results. If LIMPET_SOAK_RECORD is set, writes bench/results/NAME.json. `npm run bench:report` puts it into the docs. */
export function record(name: string, results: object): void {
  console.log(JSON.stringify(results));
  if (!process.env.LIMPET_SOAK_RECORD) return;
  const folder = fileURLToPath(new URL('../../bench/results/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify(results, null, 2)}\n`);
}
