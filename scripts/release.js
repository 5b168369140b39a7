/**
 * npm run release -- [VERSION] [--dry-run | --publish]
 *
 * Prints a checklist of what a release needs, and exits with 1 when something is missing. When nothing is:
 *   --dry-run   nothing more; `npm publish` by hand runs into this first
 *   (neither)   packs the tarball, to be tried
 *   --publish   packs it and publishes it to the registry
 * VERSION is what you mean to publish; without it, what package.json says.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { findings } from './release-checks.js';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'dry-run': { type: 'boolean' }, publish: { type: 'boolean' } },
});
const version = positionals[0] ?? JSON.parse(readFileSync('package.json', 'utf8')).version;
if (flags['dry-run'] && flags.publish) stop('--dry-run and --publish are at odds: give one of them.');

console.log(`\nlimpet ${version}\n`);
const found = findings(process.cwd(), version);
for (const { about, good, problem } of found) {
  console.log(`  ${problem ? '✗' : '✓'} ${about.padEnd(11)} ${problem ?? good}`);
}
const missing = found.filter(({ problem }) => problem).length;
if (missing > 0) stop(`\n${missing} of ${found.length} are missing: nothing was packed, nothing published.`);
console.log('\nEverything is there.');

if (!flags['dry-run']) {
  const tarball = `limpet-${version}.tgz`;
  npm('pack', '--silent');
  if (flags.publish) npm('publish', tarball, '--tag', version.includes('-') ? 'next' : 'latest');
  else console.log(`${tarball} is what would be published; --publish does it.`);
}

function npm(...words) {
  const { status } = spawnSync('npm', words, { stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) stop(`npm ${words[0]} failed.`);
}

function stop(sentence) {
  console.error(sentence);
  process.exit(1);
}
