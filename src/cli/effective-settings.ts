import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Command, Option } from 'commander';
import { describeAffinity } from '../affinity/chain.js';
import { check, type Rule, unknownOption } from '../checks.js';
import { LimpetError } from '../errors.js';
import { checkRouterOptions, type RouterOptions } from '../options.js';
import { packageFolder, packageName } from '../session/local/state-directory.js';
import { fileSettings, flagOf, settings, variableOf } from './settings.js';

/** A value and its source: `--workers`, `LIMPET_WORKERS`, `limpet.config.js`, `package.json` or `default`. */
export interface Effective {
  readonly value: unknown;
  readonly from: string;
}

/** The app, arguments and flags that the user typed. */
export interface CommandLine {
  readonly app?: string;
  readonly args?: readonly string[];
  /** Setting → value. `config` is the path of the file. */
  readonly flags: Readonly<Record<string, unknown>>;
}

const files = ['limpet.config.js', 'limpet.config.json'];

/** Adds all flags of `limpet start` to a command. */
export function withSettings(command: Command): Command {
  for (const { flag, help, read } of Object.values(settings)) {
    const option = new Option(flag, help);
    if (flag.includes('<module>')) {
      option.argParser((value: string, before: unknown) => [...((before as string[]) ?? []), value]);
    } else option.argParser(read);
    command.addOption(option);
  }
  return command.option(
    '-c, --config <file>',
    `the file to use instead of ${files.join(' or ')} in this folder`,
  );
}

/**
 * Finds the value of every setting: a flag comes before the environment, that before the file, that before the default. Checks each value.
 * Throws ERR_LIMPET_OPTION, which names the option and its source. `app` is missing if neither the command line nor the file has it.
 */
export async function effectiveSettings(typed: CommandLine): Promise<Map<string, Effective>> {
  const effective = new Map<string, Effective>();
  const take = (name: string, rule: Rule, value: unknown, from: string) => {
    check({ [name]: value }, { [name]: rule }, `${from}: option`);
    effective.set(name, { value, from });
  };
  const file = await readFile(typed.flags.config);
  const known = { ...fileSettings, ...settings };
  for (const name of Object.keys(file?.values ?? {})) {
    if (!(name in known)) throw unknownOption(name, Object.keys(known), `${file?.from}: option`);
  }
  for (const [name, rule] of Object.entries(fileSettings)) {
    if (file?.values[name] !== undefined) take(name, rule, file.values[name], file.from);
  }
  if (typed.app !== undefined) take('app', known.app as Rule, typed.app, 'command line');
  if (typed.args?.length) take('args', known.args as Rule, typed.args, 'command line');
  const defaults = checkRouterOptions({}) as unknown as Record<string, unknown>;
  for (const [name, { rule, read }] of Object.entries(settings)) {
    const variable = variableOf(name);
    const inEnvironment = process.env[variable];
    if (typed.flags[name] !== undefined) take(name, rule, typed.flags[name], flagOf(name));
    else if (inEnvironment) take(name, rule, read(inEnvironment), variable);
    else if (file?.values[name] !== undefined) take(name, rule, file.values[name], file.from);
    else if (name === 'name') effective.set(name, nameOf(effective.get('app')?.value as string | undefined));
    else if (name === 'workers') effective.set(name, { value: 'max', from: 'default' });
    else if (name !== 'secret') effective.set(name, { value: defaults[name], from: 'default' });
  }
  describeAffinity(routerOptionsOf(effective).affinity ?? 'address');
  return effective;
}

/** The settings that are options of the router. */
export function routerOptionsOf(effective: ReadonlyMap<string, Effective>): RouterOptions {
  const others = new Set(['app', 'import', 'port', 'host', 'execArgv', 'metrics', 'ui']);
  const given = [...effective].filter(([name, { value }]) => !others.has(name) && value !== undefined);
  return Object.fromEntries(given.map(([name, { value }]) => [name, value])) as RouterOptions;
}

/** The default name of the router: the name of the package, else of the app's file, else of its folder. */
function nameOf(app: string | undefined): Effective {
  const file = resolve(app ?? '.');
  const folder = packageFolder(app === undefined ? file : dirname(file));
  const named = packageName(folder, '');
  if (named) return { value: named.slice(0, 40), from: 'package.json' };
  const plain = basename(file).replace(/\.\w+$/, '');
  const word = (plain === 'index' ? basename(dirname(file)) : plain).replace(/[^A-Za-z0-9._-]+/g, '-');
  return { value: word.replace(/^[^A-Za-z0-9]+/, '').slice(0, 40) || 'app', from: 'file name' };
}

async function readFile(
  chosen: unknown,
): Promise<{ values: Record<string, unknown>; from: string } | undefined> {
  const from = (chosen ?? process.env.LIMPET_CONFIG) || files.find((file) => existsSync(file));
  if (typeof from !== 'string') return undefined;
  const values = await load(from).catch((error: Error) => {
    throw fileError(from, `cannot be loaded: ${error.message}`);
  });
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw fileError(from, 'has no options, expected an object, as JSON or as the default export');
  }
  return { values: values as Record<string, unknown>, from };
}

async function load(file: string): Promise<unknown> {
  if (file.endsWith('.json')) return JSON.parse(readFileSync(file, 'utf8'));
  return ((await import(pathToFileURL(resolve(file)).href)) as { default?: unknown }).default;
}

function fileError(file: string, what: string): LimpetError {
  return new LimpetError('ERR_LIMPET_OPTION', `${file} ${what}.`, { file });
}
