/** The tools that the tests use and npm does not install. Each tool is one line. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export const streamModule = '../lib/nginx/modules/ngx_stream_module.so';

/**
 * command: the file to search for. debian: the packages that contain it. uses: what is skipped without it. soak: only `npm run soak`
 * uses it.
 * @type {ReadonlyArray<{ command: string, debian: string, uses: string, soak?: true }>}
 */
export const testTools = [
  { command: 'g++', debian: 'g++ make python3', uses: 'building the native addon' },
  { command: 'cmake', debian: 'cmake', uses: 'the C++ tests under sanitizers' },
  // This is a header. Its path is relative to a folder of PATH.
  { command: '../include/uv.h', debian: 'libuv1-dev', uses: 'the C++ tests of the handoff under sanitizers' },
  { command: 'clang++', debian: 'clang libclang-rt-dev', uses: 'the fuzz targets' },
  { command: 'openssl', debian: 'openssl', uses: 'the tests of https and http2' },
  { command: 'chromium', debian: 'chromium', uses: 'the tests of the live page in a browser' },
  { command: 'nginx', debian: 'nginx', uses: 'the tests behind nginx' },
  // This is a module of nginx. Its path is relative to a folder of PATH.
  { command: streamModule, debian: 'libnginx-mod-stream', uses: 'the tests of PROXY headers from nginx' },
  { command: 'haproxy', debian: 'haproxy', uses: 'the tests behind HAProxy' },
  { command: 'python3', debian: 'python3', uses: 'the test of the messages to systemd' },
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
 * The absolute path of a command, or undefined. Also searches sbin, where Debian installs servers, because the PATH of most users lacks it.
 * @param {string} command
 * @returns {string | undefined}
 */
export function pathOf(command) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin'];
  return folders.map((folder) => join(folder, command)).find(existsSync);
}

/**
 * The tools that this machine lacks.
 * @param {boolean} [soak] whether to include the tools of the long runs
 * @returns {typeof testTools}
 */
export function missingTools(soak = false) {
  return testTools.filter((tool) => (soak || !tool.soak) && !pathOf(tool.command));
}
