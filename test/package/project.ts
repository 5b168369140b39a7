import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pathOf } from '../../scripts/test-tools.js';

/** The project's folder. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url));
const npmCli = process.env.npm_execpath ?? realpathSync(pathOf('npm') ?? 'npm');

export interface Outcome {
  readonly status: number | null;
  /** Standard output and standard error, one after the other. */
  readonly output: string;
}

/** `npm …` in `folder`; whatever the npm that runs the tests was told stays out of it. */
export function npm(folder: string, words: readonly string[], env: Record<string, string> = {}): Outcome {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
  return outcomeOf(process.execPath, [npmCli, ...words], folder, { ...Object.fromEntries(kept), ...env });
}

function outcomeOf(command: string, words: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Outcome {
  const { status, stdout, stderr } = spawnSync(command, words, { cwd, env, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

/** An empty project of a user on a machine that has Node, npm and a shell, and nothing else: no compiler, no caches. */
export class EmptyProject {
  readonly folder: string = realpathSync(mkdtempSync(join(tmpdir(), 'limpet-project-')));
  readonly #env: Record<string, string>;

  constructor() {
    const bin = join(this.folder, 'machine', 'bin');
    const home = join(this.folder, 'machine', 'home');
    for (const folder of [bin, home]) mkdirSync(folder, { recursive: true });
    symlinkSync(process.execPath, join(bin, 'node'));
    for (const command of ['sh', 'env']) symlinkSync(pathOf(command) ?? command, join(bin, command));
    writeFileSync(join(this.folder, 'package.json'), '{ "name": "app", "private": true }\n');
    // Another home, but the same registry and downloads: what npm knows of them may be in the real home.
    const userconfig = join(homedir(), '.npmrc');
    const cache = join(homedir(), '.npm');
    this.#env = { PATH: bin, HOME: home, NPM_CONFIG_USERCONFIG: userconfig, NPM_CONFIG_CACHE: cache };
  }

  /** Installs `what` with its install step's output shown. */
  install(what: string, env: Record<string, string> = {}, ...flags: string[]): Outcome {
    const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--foreground-scripts'];
    return npm(this.folder, ['install', what, ...quiet, ...flags], { ...this.#env, ...env });
  }

  /** Runs a program of the project; `extension` is mjs or cjs. */
  run(program: string, extension: 'mjs' | 'cjs'): Outcome {
    const file = join(this.folder, `program.${extension}`);
    writeFileSync(file, program);
    return outcomeOf(process.execPath, [file], this.folder, this.#env);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What `npm pack` says of the tarball it made. */
export interface Tarball {
  readonly path: string;
  /** Bytes as downloaded, and as installed. */
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly string[];
}

/** Packs limpet into `folder`, as it would be published. `dist/` is taken as it stands. */
export function packInto(folder: string): Tarball {
  const { status, output } = npm(root, [
    'pack',
    '--json',
    '--silent',
    '--ignore-scripts',
    '--pack-destination',
    folder,
  ]);
  if (status !== 0) throw new Error(output);
  const [packed] = JSON.parse(output);
  return {
    path: join(folder, packed.filename),
    size: packed.size,
    unpackedSize: packed.unpackedSize,
    files: packed.files.map((file: { path: string }) => file.path),
  };
}

/** The folder in which the C++ compiler and make are found. */
export const toolchainPath: string = [
  ...new Set(['g++', 'make', 'python3'].map((tool) => dirname(pathOf(tool) ?? ''))),
].join(':');
