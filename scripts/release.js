/**
 * npm run release -- [VERSION] [--dry-run | --publish]
 *
 * Prints a checklist for a release, and exits with 1 if an item is missing. If none is missing:
 *   --dry-run   does nothing else; a plain `npm publish` runs this first
 *   (no flag)   packs the tarball, so that you can try it
 *   --publish   packs the tarball and publishes it to the registry
 * VERSION is the version that you want to publish. Default: the version in package.json.
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
if (flags['dry-run'] && flags.publish)
  stop('got --dry-run and --publish, expected at most one of them. Leave one out.');

console.log(`\nlimpet ${version}\n`);
const found = findings(process.cwd(), version);
for (const { about, good, problem } of found) {
  console.log(`  ${problem ? '✗' : '✓'} ${about.padEnd(11)} ${problem ?? good}`);
}
const missing = found.filter(({ problem }) => problem).length;
if (missing > 0)
  stop(`\n${missing} of ${found.length} items are missing, so nothing was packed or published.`);
console.log('\nNothing is missing.');

if (!flags['dry-run']) {
  const tarball = `limpet-${version}.tgz`;
  npm('pack', '--silent');
  if (flags.publish) npm('publish', tarball, '--tag', version.includes('-') ? 'next' : 'latest');
  else console.log(`${tarball} is the tarball of this release. To publish it, use --publish.`);
}

function npm(...words) {
  const { status } = spawnSync('npm', words, { stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) stop(`npm ${words[0]} failed. Its output is above.`);
}

function stop(sentence) {
  console.error(sentence);
  process.exit(1);
}
