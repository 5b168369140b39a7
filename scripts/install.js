/**
 * The install step. After it, limpet has a native addon that loads, or a line of output says why not.
 *
 * 1. If a binary loads (a prebuild, or an earlier build), the step keeps it.
 * 2. Otherwise node-gyp builds the addon from native/. That needs a compiler and Node's headers.
 * 3. If there is no compiler, the install still succeeds. limpet then uses its TypeScript implementation, and says so at each start.
 *    If the compiler fails, the install fails and shows the compiler's output, because npm shows the output of a failed step only.
 *
 * `--build-from-source` (npm_config_build_from_source=true) skips step 1.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { headersBesideNode } from './node-headers.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const fromSource =
  process.argv.includes('--build-from-source') || process.env.npm_config_build_from_source === 'true';

if (fromSource || !addonLoads()) process.exitCode = build();

function addonLoads() {
  try {
    createRequire(import.meta.url)('node-gyp-build')(root);
    return true;
  } catch {
    return false;
  }
}

/** @returns {number} the exit code: 0 if the addon was built or cannot be built here, 1 if the compiler failed. */
function build() {
  const missing = missingTool();
  if (missing) return useTypeScript(missing);

  const headers = headersBesideNode();
  const configured = nodeGyp(['configure', ...(headers ? [`--nodedir=${headers}`] : [])], 'pipe');
  if (configured.status !== 0) return useTypeScript(reasonOf(configured));

  if (nodeGyp(['build'], 'inherit').status === 0) return 0;
  console.error(
    'limpet: the compiler could not build the native addon; its output is above. ' +
      'limpet needs C++20: install GCC 10, Clang 12 or newer and try again, ' +
      'or install with --ignore-scripts to use the slower TypeScript implementation.',
  );
  return 1;
}

function useTypeScript(reason) {
  console.error(
    `limpet: the native addon cannot be built (${reason}). limpet uses its slower TypeScript implementation.`,
  );
  return 0;
}

/** The first tool that node-gyp's makefile needs and this machine lacks. On Windows, node-gyp itself searches for its tools. */
function missingTool() {
  if (process.platform === 'win32') return undefined;
  if (process.platform === 'darwin' && spawnSync('xcode-select', ['-p']).status !== 0) {
    return 'no Xcode command line tools: run "xcode-select --install"';
  }
  const compiler = (process.env.CXX ?? (process.platform === 'darwin' ? 'c++' : 'g++')).split(' ')[0];
  if (!inPath(compiler)) return `no C++ compiler: ${compiler} is not in PATH`;
  if (!inPath('make') && !inPath('gmake')) return 'no make in PATH';
  return undefined;
}

function inPath(command) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return existsSync(command) || folders.some((folder) => existsSync(join(folder, command)));
}

function nodeGyp(words, stdio) {
  const options = { cwd: root, stdio, encoding: 'utf8' };
  const bundled = process.env.npm_config_node_gyp;
  if (bundled) return spawnSync(process.execPath, [bundled, ...words], options);
  return spawnSync('node-gyp', words, { ...options, shell: process.platform === 'win32' });
}

/** The line of node-gyp's output that names the cause, or the reason why node-gyp could not run. */
function reasonOf({ error, stderr }) {
  if (error) return error.code === 'ENOENT' ? 'no node-gyp in PATH' : error.message;
  const cause = stderr.split('\n').find((line) => /^gyp ERR! (stack )?(\w*Error:|find|not ok)/.test(line));
  return cause?.replace(/^gyp ERR! (stack )?/, '') ?? 'node-gyp configure failed';
}
