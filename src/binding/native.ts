/**
 * Finds and loads the native addon. No other file does. A prebuild for this platform comes first, then a local build. The prebuild is
 * chosen by the rules of node-gyp-build.
 *
 * Without an addon, limpet uses its TypeScript implementation and reports it ({@link bindingReport}). If an addon exists and does not load,
 * {@link native} throws: limpet does not fall back silently to the slower implementation. With LIMPET_BINDING=native, a missing addon is an
 * error, too. With LIMPET_BINDING=twin, no addon is loaded.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LimpetError } from '../errors.js';

/** Which binding this process uses, and why. `limpet doctor`, the status and the notice on stderr show it. */
export interface BindingReport {
  /** `twin`: the TypeScript implementation. `failed`: the addon does not load, or LIMPET_BINDING cannot be met; {@link native} throws the reason. */
  readonly kind: 'native' | 'twin' | 'failed';
  /** The addon's file, if one was found. */
  readonly path?: string;
  /** One sentence without a full stop. */
  readonly reason: string;
}

/** The addon's exports: one object for each area. The other files of this folder give them their types. */
export type NativeAddon = Readonly<Record<string, unknown>>;

interface Loaded {
  readonly report: BindingReport;
  readonly addon: NativeAddon | null;
  readonly error?: LimpetError;
}

let loaded: Loaded | undefined;
let warned = false;

/**
 * The addon; null if the process uses the TypeScript implementation. The addon is loaded at the first call.
 * @throws LimpetError ERR_LIMPET_NATIVE if the addon does not load, or if LIMPET_BINDING=native finds none;
 *   ERR_LIMPET_OPTION if LIMPET_BINDING is neither `native` nor `twin`.
 */
export function native(): NativeAddon | null {
  loaded ??= load(process.env.LIMPET_BINDING ?? '');
  if (loaded.error !== undefined) throw loaded.error;
  return loaded.addon;
}

/** The binding in use, and why. Loads the addon at the first call. Never throws. */
export function bindingReport(): BindingReport {
  loaded ??= load(process.env.LIMPET_BINDING ?? '');
  return loaded.report;
}

/**
 * Writes one line to stderr if the process has to use the TypeScript implementation. Writes nothing with an addon, with
 * LIMPET_BINDING=twin, or at a second call.
 */
export function warnWithoutAddon(): void {
  const { kind, reason } = bindingReport();
  if (warned || kind !== 'twin' || process.env.LIMPET_BINDING === 'twin') return;
  warned = true;
  process.stderr.write(
    `limpet: ${reason}; limpet uses its slower TypeScript implementation ("npx limpet doctor" says more)\n`,
  );
}

function load(wanted: string): Loaded {
  if (wanted === 'twin') return { report: { kind: 'twin', reason: 'LIMPET_BINDING=twin' }, addon: null };
  if (wanted !== '' && wanted !== 'native') {
    return failed(
      new LimpetError(
        'ERR_LIMPET_OPTION',
        `LIMPET_BINDING is "${wanted}"; expected "native" or "twin", or unset it to use the addon if there is one`,
        { option: 'LIMPET_BINDING', value: wanted },
      ),
    );
  }
  const require = createRequire(import.meta.url);
  const root = packageRoot();
  const paths = [...findPrebuilds(require, root), ...findLocalBuilds(root)];
  const errors: { path: string; cause: unknown }[] = [];
  for (const path of paths) {
    try {
      const addon = require(path) as NativeAddon;
      const skipped = errors.map((error) => `; ${error.path} does not load: ${textOf(error.cause)}`).join('');
      return { report: { kind: 'native', path, reason: `found and loaded${skipped}` }, addon };
    } catch (cause) {
      errors.push({ path, cause });
    }
  }
  const [first] = errors;
  if (first !== undefined) {
    return failed(
      new LimpetError(
        'ERR_LIMPET_NATIVE',
        `the native addon ${first.path} does not load (${textOf(first.cause)}); ` +
          'run "npm rebuild limpet" to build it for this system, or set LIMPET_BINDING=twin to go without it',
        { path: first.path },
        first.cause,
      ),
      first.path,
    );
  }
  const reason = `no prebuild for ${process.platform}-${process.arch} and no local build in ${root}`;
  if (wanted === '') return { report: { kind: 'twin', reason }, addon: null };
  return failed(
    new LimpetError(
      'ERR_LIMPET_NATIVE',
      `LIMPET_BINDING=native, but there is ${reason}; install a C++20 compiler and run "npm rebuild limpet"`,
      { root },
    ),
  );
}

function failed(error: LimpetError, path?: string): Loaded {
  const report: BindingReport = {
    kind: 'failed',
    reason: error.message,
    ...(path === undefined ? {} : { path }),
  };
  return { report, addon: null, error };
}

/** The folder of limpet's package.json, which is above this file. If a bundler has moved this file, its own folder. */
function packageRoot(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  for (let folder = here; ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (
      existsSync(manifest) &&
      (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === 'limpet'
    ) {
      return folder;
    }
    if (folder === dirname(folder)) return here;
  }
}

/** node-gyp-build's rules for the prebuild that fits this process. Its own search is not used, because it prefers a local build. */
interface NodeGypBuild {
  parseTuple(folder: string): { readonly name: string } | undefined;
  matchTuple(platform: string, arch: string): (tuple: unknown) => boolean;
  compareTuples(a: unknown, b: unknown): number;
  parseTags(file: string): { readonly file: string } | undefined;
  matchTags(runtime: string, abi: string): (tags: unknown) => boolean;
  compareTags(runtime: string): (a: unknown, b: unknown) => number;
}

/** The path of the prebuild that fits this process best; empty if none fits. */
function findPrebuilds(require: NodeJS.Require, root: string): string[] {
  const rules = require('node-gyp-build') as NodeGypBuild;
  const folder = join(root, 'prebuilds');
  const tuples = filesIn(folder)
    .map(rules.parseTuple)
    .filter((tuple) => tuple !== undefined);
  const tuple = tuples.filter(rules.matchTuple(process.platform, process.arch)).sort(rules.compareTuples)[0];
  if (tuple === undefined) return [];
  const builds = filesIn(join(folder, tuple.name))
    .map(rules.parseTags)
    .filter((tags) => tags !== undefined);
  const fits = builds
    .filter(rules.matchTags('node', process.versions.modules))
    .sort(rules.compareTags('node'));
  return fits.slice(0, 1).map((tags) => join(folder, tuple.name, tags.file));
}

/** The path of what node-gyp has built here; empty if there is nothing. */
function findLocalBuilds(root: string): string[] {
  const path = join(root, 'build', 'Release', 'limpet.node');
  return existsSync(path) ? [path] : [];
}

function filesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
