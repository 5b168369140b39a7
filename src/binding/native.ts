/**
 * Finds and loads the native addon: the only file that does. The search is node-gyp-build's: a prebuild of this
 * platform first, then a local build.
 *
 * Where there is none, limpet runs on its TypeScript twin, and says so ({@link bindingReport}). Where there is
 * one and it does not load, that is an error, never a reason to carry on slowly: {@link native} throws it.
 * LIMPET_BINDING=native makes a missing addon an error too; LIMPET_BINDING=twin leaves it alone.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LimpetError } from '../errors.js';

/** Which binding this process uses, and why: for `limpet doctor`, for status and for the notice. */
export interface BindingReport {
  /** `failed`: an addon is there and does not load, or the one asked for is missing; {@link native} throws why. */
  readonly kind: 'native' | 'twin' | 'failed';
  /** The addon's file, where one was found. */
  readonly path?: string;
  /** One sentence, no full stop. */
  readonly reason: string;
}

/** What the addon exports: one object an area, each typed by the view beside this file that reads it. */
export type NativeAddon = Readonly<Record<string, unknown>>;

interface Loaded {
  readonly report: BindingReport;
  readonly addon: NativeAddon | null;
  readonly error?: LimpetError;
}

let loaded: Loaded | undefined;
let warned = false;

/**
 * The addon, or null where the twin serves. Loaded at the first call, once a process.
 * @throws LimpetError ERR_LIMPET_NATIVE when an addon is there and does not load, or LIMPET_BINDING=native finds none;
 *   ERR_LIMPET_OPTION when LIMPET_BINDING is neither `native` nor `twin`.
 */
export function native(): NativeAddon | null {
  loaded ??= load(process.env.LIMPET_BINDING ?? '');
  if (loaded.error !== undefined) throw loaded.error;
  return loaded.addon;
}

/** Which binding is in use and why. Loads it if nothing has yet; never throws. */
export function bindingReport(): BindingReport {
  loaded ??= load(process.env.LIMPET_BINDING ?? '');
  return loaded.report;
}

/**
 * Tells once, on stderr, that the twin serves and why; the primary calls it. Silent when the addon is in use, and
 * when the twin was asked for.
 */
export function warnWithoutAddon(): void {
  const { kind, reason } = bindingReport();
  if (warned || kind !== 'twin' || process.env.LIMPET_BINDING === 'twin') return;
  warned = true;
  process.stderr.write(
    `limpet: ${reason}; the slower TypeScript twin serves ("npx limpet doctor" tells more)\n`,
  );
}

function load(wanted: string): Loaded {
  if (wanted === 'twin') return { report: { kind: 'twin', reason: 'LIMPET_BINDING=twin' }, addon: null };
  if (wanted !== '' && wanted !== 'native') {
    return failed(
      new LimpetError(
        'ERR_LIMPET_OPTION',
        `LIMPET_BINDING is "${wanted}"; expected "native" or "twin", or leave it unset to take what is there`,
        { option: 'LIMPET_BINDING', value: wanted },
      ),
    );
  }
  const require = createRequire(import.meta.url);
  const root = packageRoot();
  const candidates = [...findPrebuilds(require, root), ...findLocalBuilds(root)];
  const errors: { path: string; cause: unknown }[] = [];
  for (const path of candidates) {
    try {
      const addon = require(path) as NativeAddon;
      const passed = errors.map((error) => `; ${error.path} does not load: ${textOf(error.cause)}`).join('');
      return { report: { kind: 'native', path, reason: `found and loaded${passed}` }, addon };
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
      `LIMPET_BINDING=native, but there is ${reason}; run "npm rebuild limpet" with a C++20 compiler at hand`,
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

/** The folder of limpet's own package.json, above this file; this file's folder when it was bundled away from it. */
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

/** node-gyp-build's rules for which prebuild fits this process. Its own search would take a local build first. */
interface NodeGypBuild {
  parseTuple(folder: string): { readonly name: string } | undefined;
  matchTuple(platform: string, arch: string): (tuple: unknown) => boolean;
  compareTuples(a: unknown, b: unknown): number;
  parseTags(file: string): { readonly file: string } | undefined;
  matchTags(runtime: string, abi: string): (tags: unknown) => boolean;
  compareTags(runtime: string): (a: unknown, b: unknown) => number;
}

/** The prebuild that fits this process best, if one does. */
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

/** What node-gyp built here. */
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
