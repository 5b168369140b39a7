/**
 * Runs before `npm test`: installs the tools that the tests use, and builds what they run.
 *
 * On Debian, root gets missing tools from apt. Every other user gets a message that says what is missing and how to install it. The
 * tests that need a missing tool are skipped, and listed at the end of the run. With CI=true, a missing tool is a failure.
 * `--soak` also installs the tools that only the long runs use.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingTools, pathOf } from './test-tools.js';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));

installTools(process.argv.includes('--soak'));
removeStalePrebuilds();
if (isStale('build/Release/limpet.node', 'native', 'binding.gyp')) run('npm', ['run', 'build:native']);
if (isStale('dist/index.js', 'src', 'tsconfig.json')) run('npm', ['run', 'build:ts']);
if (isStale('test/nodes/node_modules/.package-lock.json', 'test/nodes/package-lock.json')) {
  run('npm', ['ci', '--prefix', 'test/nodes', '--no-bin-links', '--ignore-scripts']);
}
const soak = process.argv.includes('--soak');
if (soak && stale('test/mutation/node_modules/.package-lock.json', 'test/mutation/package-lock.json')) {
  run('npm', ['ci', '--prefix', 'test/mutation', '--ignore-scripts', '--legacy-peer-deps']);
}

function installTools(soak) {
  const wanted = missingTools(soak);
  if (wanted.length > 0 && process.getuid?.() === 0 && pathOf('apt-get')) {
    installFromApt(wanted.flatMap(({ debian }) => debian.split(' ')));
  }
  const missing = missingTools(soak);
  for (const { command, debian, uses } of missing) {
    console.error(`Missing: ${command}, for ${uses}. On Debian or Ubuntu: sudo apt-get install ${debian}`);
  }
  if (missing.length > 0 && process.env.CI === 'true') process.exit(1);
}

/** Removes prebuilds that are older than native/. limpet loads a prebuild before a local build, so the tests would use old code. */
function removeStalePrebuilds() {
  const folder = `prebuilds/${process.platform}-${process.arch}`;
  if (!existsSync(folder)) return;
  for (const file of readdirSync(folder).map((name) => join(folder, name))) {
    if (!isStale(file, 'native', 'binding.gyp')) continue;
    rmSync(file);
    console.error(
      `Removed ${file}, because it is older than native/. To build it again: npm run build:prebuild`,
    );
  }
}

function installFromApt(packages) {
  const apt = (...words) =>
    spawnSync('apt-get', words, {
      stdio: 'inherit',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).status === 0;
  const install = () => apt('install', '-y', '--no-install-recommends', ...packages);
  // A new machine has no package lists. Old lists name versions that the archive no longer has. So update after a failure.
  withoutServiceStarts(() => install() || (apt('update') && install()));
}

/** Debian starts a service when it installs the package, on a port that the tests may need. This file prevents that. */
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

/** Whether `output` is missing, or older than one of its source files. */
function isStale(output, ...sources) {
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
