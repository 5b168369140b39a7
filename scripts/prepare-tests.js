/**
 * Runs before `npm test`: brings what the tests use and builds what they run.
 *
 * On Debian as root, missing tools come from apt. Anyone else is told what is missing and how to get it; the
 * tests that need it are then left out, and listed at the end of the run. With CI=true a missing tool is a failure.
 * `--soak` brings what only the long runs use, too.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingTools, pathOf } from './test-tools.js';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));

bringTools(process.argv.includes('--soak'));
dropStalePrebuild();
if (stale('build/Release/limpet.node', 'native', 'binding.gyp')) run('npm', ['run', 'build:native']);
if (stale('dist/index.js', 'src', 'tsconfig.json')) run('npm', ['run', 'build:ts']);
if (stale('test/nodes/node_modules/.package-lock.json', 'test/nodes/package-lock.json')) {
  run('npm', ['ci', '--prefix', 'test/nodes', '--no-bin-links', '--ignore-scripts']);
}
const soak = process.argv.includes('--soak');
if (soak && stale('test/mutation/node_modules/.package-lock.json', 'test/mutation/package-lock.json')) {
  run('npm', ['ci', '--prefix', 'test/mutation', '--ignore-scripts', '--legacy-peer-deps']);
}

function bringTools(soak) {
  const lacking = missingTools(soak);
  if (lacking.length > 0 && process.getuid?.() === 0 && pathOf('apt-get')) {
    installFromApt(lacking.flatMap(({ debian }) => debian.split(' ')));
  }
  const missing = missingTools(soak);
  for (const { command, debian, uses } of missing) {
    console.error(`Missing: ${command}, for ${uses}. On Debian or Ubuntu: sudo apt-get install ${debian}`);
  }
  if (missing.length > 0 && process.env.CI === 'true') process.exit(1);
}

/** A prebuild is loaded before a local build: one that is older than native/ would be tested in the place of what is there now. */
function dropStalePrebuild() {
  const folder = `prebuilds/${process.platform}-${process.arch}`;
  if (!existsSync(folder)) return;
  for (const file of readdirSync(folder).map((name) => join(folder, name))) {
    if (!stale(file, 'native', 'binding.gyp')) continue;
    rmSync(file);
    console.error(`Removed ${file}, older than native/. Again: npm run build:prebuild`);
  }
}

function installFromApt(packages) {
  const apt = (...words) =>
    spawnSync('apt-get', words, {
      stdio: 'inherit',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).status === 0;
  const install = () => apt('install', '-y', '--no-install-recommends', ...packages);
  // A new machine has no package lists, and old lists name versions that the archive no longer has.
  withoutServiceStarts(() => install() || (apt('update') && install()));
}

/** Debian starts a service as it installs it, on the port that someone else may want, unless this file says no. */
function withoutServiceStarts(action) {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return action();
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return action();
  } finally {
    rmSync(policy);
  }
}

/** Whether `output` is missing, or older than any of the files that it is made from. */
function stale(output, ...sources) {
  if (!existsSync(output)) return true;
  const made = statSync(output).mtimeMs;
  const isFolder = (path) => statSync(path).isDirectory();
  const filesOf = (folder) => readdirSync(folder, { recursive: true }).map((name) => join(folder, name));
  return sources
    .flatMap((source) => (isFolder(source) ? filesOf(source) : source))
    .some((file) => statSync(file).mtimeMs > made);
}

function run(command, words) {
  const { status } = spawnSync(command, words, { stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) process.exit(status ?? 1);
}
