/**
 * The install step: leaves limpet with a native addon that loads, or says in one line why there is none.
 *
 * 1. A binary that loads (a prebuild, or an earlier build) is kept.
 * 2. Else node-gyp builds one from native/, if this machine has a compiler and Node's headers can be had.
 * 3. Where it cannot be built the install still succeeds: the TypeScript twin takes over, and limpet says so
 *    again when it runs. Where a compiler is there and fails, the install fails with the compiler's words: npm
 *    shows the output of an install step only then.
 *
 * `--build-from-source` (npm_config_build_from_source=true) skips 1.
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

/** @returns {number} the exit code: 0 also where nothing can be built, 1 where a compiler failed. */
function build() {
  const missing = missingTool();
  if (missing) return goWithout(missing);

  const headers = headersBesideNode();
  const configured = nodeGyp(['configure', ...(headers ? [`--nodedir=${headers}`] : [])], 'pipe');
  if (configured.status !== 0) return goWithout(reasonOf(configured));

  if (nodeGyp(['build'], 'inherit').status === 0) return 0;
  console.error(
    'limpet: the compiler could not build the native addon; its words are above. ' +
      'Mend that (C++20 is needed: GCC 10, Clang 12 or newer) and install again, ' +
      'or install with --ignore-scripts to run on the slower TypeScript twin.',
  );
  return 1;
}

function goWithout(reason) {
  console.error(`limpet: no native addon here (${reason}); the slower TypeScript twin takes over.`);
  return 0;
}

/** The tools that node-gyp's generated makefile takes for granted. On Windows node-gyp itself looks for them. */
function missingTool() {
  if (process.platform === 'win32') return undefined;
  if (process.platform === 'darwin' && spawnSync('xcode-select', ['-p']).status !== 0) {
    return 'no Xcode command line tools: xcode-select --install brings them';
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

/** node-gyp's words that name a cause, or why it could not run at all. */
function reasonOf({ error, stderr }) {
  if (error) return error.code === 'ENOENT' ? 'no node-gyp in PATH' : error.message;
  const cause = stderr.split('\n').find((line) => /^gyp ERR! (stack )?(\w*Error:|find|not ok)/.test(line));
  return cause?.replace(/^gyp ERR! (stack )?/, '') ?? 'node-gyp configure failed';
}
