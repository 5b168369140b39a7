import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const project = join(here, '..');

/** The compiled tools: their sources and compilers. */
const tools = {
  'load-client': { folder: 'connections/load', command: ['c++', '-std=c++20', '-O2', '-Wall', '-Wextra'] },
  'reuseport-launcher': { folder: 'connections/launcher', command: ['cc', '-O2', '-Wall', '-Wextra'] },
};

/** The path of a compiled tool. */
export function tool(name) {
  return join(here, 'build', name);
}

/** Installs the other packages, and builds limpet and the tools. Throws if that fails. */
export function prepare() {
  if (!existsSync(join(here, 'node_modules')))
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], here);
  if (!existsSync(join(project, 'dist'))) run('npm', ['run', 'build'], project);
  mkdirSync(join(here, 'build'), { recursive: true });
  for (const [name, { folder, command }] of Object.entries(tools)) {
    const files = readdirSync(join(here, folder)).map((file) => join(here, folder, file));
    const built = tool(name);
    const newest = Math.max(...files.map((file) => statSync(file).mtimeMs));
    if (existsSync(built) && statSync(built).mtimeMs > newest) continue;
    const [compiler, ...flags] = command;
    run(compiler, [...flags, '-o', built, ...files.filter((file) => /\.cc?$/.test(file))], dirname(built));
  }
}

/** Runs a command until it exits. If it fails, throws an error with its output. */
export function run(command, args, cwd) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return;
  const output = error?.message ?? `${stdout}${stderr}`.trim();
  throw new Error(`${command} ${args.join(' ')} failed in ${cwd}: ${output}`);
}
