import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { root } from './project.ts';

/** What users of an entry point can import: what is there at run time, and what only types can name. */
interface Surface {
  readonly values: readonly string[];
  readonly types: readonly string[];
}

const read = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const known: Readonly<Record<string, Surface>> = read('test/package/surface.json');
const targets: Record<string, string | { types: string; default: string }> = read('package.json').exports;
const entries = Object.entries(targets).flatMap(([path, target]) =>
  typeof target === 'string' ? [] : [{ entry: path.replace('.', 'limpet'), ...target }],
);

/** Without the standard library's types: names are asked for, not what they mean. */
const program = ts.createProgram({
  rootNames: entries.map(({ types }) => join(root, types)),
  options: {
    noLib: true,
    types: [],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
  },
});

function declaredBy(types: string): Surface {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(join(root, types));
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) throw new Error(`${types} is no module; npm run build:ts makes it`);
  const isValue = (symbol: ts.Symbol): boolean => {
    if (symbol.declarations?.some(ts.isTypeOnlyImportOrExportDeclaration)) return false;
    const meant = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return (meant.flags & ts.SymbolFlags.Value) !== 0;
  };
  const names = (symbols: ts.Symbol[]): string[] => symbols.map(({ name }) => name).sort();
  const exported = checker.getExportsOfModule(module);
  return {
    values: names(exported.filter(isValue)),
    types: names(exported.filter((symbol) => !isValue(symbol))),
  };
}

/** The difference, as sentences. */
function changes(entry: string, before: Surface, now: Surface): string[] {
  return (['values', 'types'] as const).flatMap((kind) => [
    ...before[kind]
      .filter((name) => !now[kind].includes(name))
      .map((name) => `${entry} lost ${name} (${kind})`),
    ...now[kind]
      .filter((name) => !before[kind].includes(name))
      .map((name) => `${entry} got ${name} (${kind})`),
  ]);
}

const nothing: Surface = { values: [], types: [] };

describe('the public surface is as it was', () => {
  test('no entry point came or went', () => {
    expect(entries.map(({ entry }) => entry).sort(), 'public surface changed: entry points').toEqual(
      Object.keys(known).sort(),
    );
  });

  test.each(entries)('$entry', ({ entry, types }) => {
    const found = changes(entry, known[entry] ?? nothing, declaredBy(types));
    const advice =
      'If that is meant: UPGRADING.md says which version it takes; then write it into test/package/surface.json';
    expect(found, `public surface changed: ${found.join('; ')}. ${advice}`).toEqual([]);
  });

  test.each(entries)('$entry has at run time what its types say', async ({ types, default: code }) => {
    const module: object = await import(join(root, code));
    expect(Object.keys(module).sort()).toEqual(declaredBy(types).values);
  });

  test('a change is told in a sentence', () => {
    const now = { values: ['listen'], types: ['Options'] };
    expect(changes('limpet', { values: ['close', 'listen'], types: [] }, now)).toEqual([
      'limpet lost close (values)',
      'limpet got Options (types)',
    ]);
  });
});
