/**
 * npm run build:prebuild -- [--arch arm64]: builds the prebuilt addon for this system into prebuilds/.
 *
 * One binary works with every Node.js from 20 on, because it uses Node-API only. On Linux, its name contains the C library:
 * prebuilds/linux-x64/limpet.glibc.node, limpet.musl.node. The build uses a copy in build-prebuild/, so that build/, which the tests
 * load, does not change. `--arch` builds for another processor. On Linux, it uses the cross compiler of that processor (Debian:
 * g++-aarch64-linux-gnu).
 */
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { headersBesideNode } from './node-headers.js';

const require = createRequire(import.meta.url);
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { arch: { type: 'string', default: process.arch } } });
const linux = process.platform === 'linux';
const triples = { arm64: 'aarch64-linux-gnu', x64: 'x86_64-linux-gnu' };
const cross = linux && values.arch !== process.arch ? triples[values.arch] : undefined;

const copy = join(root, 'build-prebuild');
rmSync(copy, { recursive: true, force: true });
for (const path of ['package.json', 'binding.gyp', 'native']) {
  cpSync(join(root, path), join(copy, path), { recursive: true });
}

const headers = headersBesideNode();
const words = ['--napi', '--strip', '--target', process.versions.node, '--arch', values.arch];
if (linux) words.push('--tag-libc');
if (cross) words.push('--strip-bin', `${cross}-strip`);
const { status } = spawnSync(
  process.execPath,
  [require.resolve('prebuildify/bin.js'), ...words, '--cwd', copy, '--out', root],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      JOBS: 'max',
      ...(headers ? { npm_config_nodedir: headers } : {}),
      ...(cross ? { CC: `${cross}-gcc`, CXX: `${cross}-g++` } : {}),
    },
  },
);
rmSync(copy, { recursive: true, force: true });
process.exitCode = status ?? 1;
