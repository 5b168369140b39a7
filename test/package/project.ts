import { execFile, spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pathOf } from '../../scripts/test-tools.js';
import { App } from '../processes/app.ts';

/** The project's folder. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url));
/** The prebuilds in this checkout, such as `linux-x64/limpet.glibc.node`. `npm run build:prebuild` makes the one of this system. */
export const prebuilds: readonly string[] = existsSync(join(root, 'prebuilds'))
  ? readdirSync(join(root, 'prebuilds'), { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.node'),
    )
  : [];
/** The prebuild of this system, or the local build if there is no prebuild. */
export const addon: string = join(
  root,
  prebuilds
    .filter((path) => path.startsWith(`${process.platform}-${process.arch}`))
    .map((path) => `prebuilds/${path}`)[0] ?? 'build/Release/limpet.node',
);
const npmCli = process.env.npm_execpath ?? realpathSync(pathOf('npm') ?? 'npm');

export interface Outcome {
  readonly status: number | null;
  /** Standard output and standard error, one after the other. */
  readonly output: string;
}

/** Runs `npm …` in `folder`, without the configuration of the npm that runs the tests. */
export function npm(folder: string, words: readonly string[], env: Record<string, string> = {}): Outcome {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
  return outcomeOf(process.execPath, [npmCli, ...words], folder, { ...Object.fromEntries(kept), ...env });
}

function outcomeOf(command: string, words: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Outcome {
  const { status, stdout, stderr } = spawnSync(command, words, { cwd, env, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

/** An empty project, on a machine that has only Node, npm and a shell: no compiler and no caches. */
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
    // The home directory is new, but npm uses the registry and the cache of the real home directory.
    const userconfig = join(homedir(), '.npmrc');
    const cache = join(homedir(), '.npm');
    this.#env = { PATH: bin, HOME: home, NPM_CONFIG_USERCONFIG: userconfig, NPM_CONFIG_CACHE: cache };
  }

  /** Installs `what`, and shows the output of its install step. */
  install(what: string, env: Record<string, string> = {}, ...flags: string[]): Outcome {
    const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--foreground-scripts'];
    return npm(this.folder, ['install', what, ...quiet, ...flags], { ...this.#env, ...env });
  }

  /** Runs `npm …` in the project, on its machine. */
  npm(...words: string[]): Outcome {
    return npm(this.folder, words, this.#env);
  }

  /** Runs a program in the project until it exits. `extension` is mjs or cjs. */
  run(program: string, extension: 'mjs' | 'cjs', node: string = process.execPath): Promise<Outcome> {
    const file = join(this.folder, `program.${extension}`);
    writeFileSync(file, program);
    return new Promise((resolve) => {
      const child = execFile(node, [file], { cwd: this.folder, env: this.#env }, (_, stdout, stderr) =>
        resolve({ status: child.exitCode, output: stdout + stderr }),
      );
    });
  }

  /** Runs `limpet start` with an ES module. */
  start(app: string, node: string): App {
    writeFileSync(join(this.folder, 'app.mjs'), app);
    const words = [
      join(this.folder, 'node_modules/limpet/dist/cli/limpet.js'),
      'start',
      'app.mjs',
      '-w',
      '2',
    ];
    return new App(spawn(node, words, { cwd: this.folder, env: this.#env }));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The report of `npm pack` about its tarball. */
export interface Tarball {
  readonly path: string;
  /** The size of the download, in bytes. */
  readonly size: number;
  /** The size when installed, in bytes. */
  readonly unpackedSize: number;
  readonly files: readonly string[];
}

/** Copies the files that would be published into `folder`, with or without a prebuild. Does not rebuild `dist/`. */
export function layOut(folder: string, prebuild?: string): string {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] };
  for (const path of ['package.json', 'README.md', 'LICENSE', ...manifest.files]) {
    if (path !== 'prebuilds') cpSync(join(root, path), join(folder, path), { recursive: true });
  }
  if (prebuild)
    cpSync(prebuild, join(folder, 'prebuilds', `${process.platform}-${process.arch}`, 'limpet.node'));
  return folder;
}

/** Packs limpet from the folder `from` into `folder`, as for a release. Does not rebuild `dist/`. */
export function packInto(folder: string, from: string = root): Tarball {
  const words = ['pack', '--json', '--silent', '--ignore-scripts', '--pack-destination', folder];
  const { status, output } = npm(from, words);
  if (status !== 0) throw new Error(output);
  const [packed] = JSON.parse(output);
  return {
    path: join(folder, packed.filename),
    size: packed.size,
    unpackedSize: packed.unpackedSize,
    files: packed.files.map((file: { path: string }) => file.path),
  };
}

/** The folders of the C++ compiler, make and Python, as in PATH. */
export const toolchainPath: string = [
  ...new Set(['g++', 'make', 'python3'].map((tool) => dirname(pathOf(tool) ?? ''))),
].join(':');
