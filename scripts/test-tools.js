/** What the tests use that npm cannot bring: one line a tool. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export const streamModule = '../lib/nginx/modules/ngx_stream_module.so';

/**
 * command: what is looked for; debian: the packages that bring it; uses: what is left out without it; soak: only `npm run soak`
 * uses it.
 * @type {ReadonlyArray<{ command: string, debian: string, uses: string, soak?: true }>}
 */
export const testTools = [
  { command: 'g++', debian: 'g++ make python3', uses: 'building the native addon' },
  { command: 'cmake', debian: 'cmake', uses: 'the C++ tests under sanitizers' },
  // A header, which lies beside the folder of the commands.
  { command: '../include/uv.h', debian: 'libuv1-dev', uses: 'the C++ tests of the handoff under sanitizers' },
  { command: 'clang++', debian: 'clang libclang-rt-dev', uses: 'the fuzz targets' },
  { command: 'openssl', debian: 'openssl', uses: 'the tests of https and http2' },
  { command: 'chromium', debian: 'chromium', uses: 'the tests of the live page in a browser' },
  { command: 'nginx', debian: 'nginx', uses: 'the tests behind nginx' },
  // A module of it, which lies beside the folder of the commands.
  { command: streamModule, debian: 'libnginx-mod-stream', uses: 'the tests of PROXY headers from nginx' },
  { command: 'haproxy', debian: 'haproxy', uses: 'the tests behind HAProxy' },
  { command: 'python3', debian: 'python3', uses: 'the test of what systemd is told' },
  { command: 'redis-server', debian: 'redis-server', uses: 'the tests of sessions in Redis' },
  {
    command: 'aarch64-linux-gnu-g++',
    debian: 'g++-aarch64-linux-gnu',
    uses: 'the prebuild for arm64',
    soak: true,
  },
  { command: 'qemu-aarch64', debian: 'qemu-user', uses: 'running the prebuild for arm64', soak: true },
];

/**
 * The absolute path of a command, or undefined. Debian keeps servers in sbin, which an ordinary user's PATH lacks.
 * @param {string} command
 * @returns {string | undefined}
 */
export function pathOf(command) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin'];
  return folders.map((folder) => join(folder, command)).find(existsSync);
}

/**
 * The tools that this machine lacks.
 * @param {boolean} [soak] whether the long runs are to be made too
 * @returns {typeof testTools}
 */
export function missingTools(soak = false) {
  return testTools.filter((tool) => (soak || !tool.soak) && !pathOf(tool.command));
}
