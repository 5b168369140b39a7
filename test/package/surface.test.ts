import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { root } from './project.ts';

/** The exports of an entry point: values that exist at run time, and types. */
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

/** The program does not load the types of the standard library, because only names are compared. */
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
  if (!module) throw new Error(`${types} does not exist. Run npm run build:ts.`);
  const isValue = (symbol: ts.Symbol): boolean => {
    if (symbol.declarations?.some(ts.isTypeOnlyImportOrExportDeclaration)) return false;
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return (target.flags & ts.SymbolFlags.Value) !== 0;
  };
  const names = (symbols: ts.Symbol[]): string[] => symbols.map(({ name }) => name).sort();
  const exported = checker.getExportsOfModule(module);
  return {
    values: names(exported.filter(isValue)),
    types: names(exported.filter((symbol) => !isValue(symbol))),
  };
}

/** The differences, as sentences. */
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

describe('the public surface has not changed', () => {
  test('no entry point was added or removed', () => {
    expect(entries.map(({ entry }) => entry).sort(), 'public surface changed: entry points').toEqual(
      Object.keys(known).sort(),
    );
  });

  test.each(entries)('$entry has the same exports', ({ entry, types }) => {
    const found = changes(entry, known[entry] ?? nothing, declaredBy(types));
    const advice =
      'If this is intended: find the version number in UPGRADING.md, then change test/package/surface.json';
    expect(found, `public surface changed: ${found.join('; ')}. ${advice}`).toEqual([]);
  });

  test.each(entries)(
    '$entry exports at run time what its types declare',
    async ({ types, default: code }) => {
      const module: object = await import(join(root, code));
      expect(Object.keys(module).sort()).toEqual(declaredBy(types).values);
    },
  );

  test('each change is reported as a sentence', () => {
    const now = { values: ['listen'], types: ['Options'] };
    expect(changes('limpet', { values: ['close', 'listen'], types: [] }, now)).toEqual([
      'limpet lost close (values)',
      'limpet got Options (types)',
    ]);
  });
});
