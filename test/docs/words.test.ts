import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from './pages.ts';

/**
 * Words that every programmer knows in the meaning that they have in limpet. Do not add a word that a reader has to learn: either use
 * a word of the field, or add the word to the table in docs/design.md with the term that it corresponds to.
 */
const everyday = new Set(
  `accepted access account address adopted adopting answer app argument array arrival assembler
  batch bind body buffer builder bytes
  calls change check checked clock close closer cluster code command compiled config configuration connection contract cookie count counted counter
  data datagram date deadline decision demo demonstration digit directory doctor
  effective entry error event exit
  failure file flag forward frame function
  graceful guard
  hour
  index init input instruction invalidation item
  late length line list listen local lock log long lookup loop
  machine manager map memory merge message method metric module
  name native network number
  object offline one operation option output
  pair parameter parser part path picture place policy prefix process protocol
  rate raw reader reading recognize record report request reset response result run running runtime
  scale scan script search sender server service set setting shutdown signal single size source spawner start state statement stats status stop stream string system
  table terminal text thread timer topology
  ui update user
  value view
  warning watched watcher window write writer`.split(/\s+/),
);

/** Names of other programs, packages, protocols and formats. */
const foreign = new Set(
  'bpf express haproxy http io ioredis ip libuv limpet linux nginx node redis sqlite systemd tcp tls url'.split(
    ' ',
  ),
);

/** "Page" means a web page. */
const isWebPage = (word: string, path: string): boolean => word === 'page' && path.startsWith('src/watch/');

function sources(folder: string): string[] {
  return readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter((path) => /\.(ts|js|cc|h)$/.test(path));
}

/** `SlotAssignment`, `slot-assignment` and `slot_assignment` have the words `slot` and `assignment`. */
function wordsOf(name: string): string[] {
  const parts = name.replace(/([a-z\d])(?=[A-Z])/g, '$1-').replace(/([A-Z])(?=[A-Z][a-z])/g, '$1-');
  return parts
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter(Boolean);
}

/** The words of the terms in the first column of the table in docs/design.md. */
function tableWords(): Set<string> {
  const [, section = ''] = readFileSync(join(projectRoot, 'docs/design.md'), 'utf8').split('\n## Words\n');
  const [own = ''] = section.split('\n## ');
  const terms = [...own.matchAll(/^\| ([^|]+) \|/gm)].map(([, cell = '']) => cell);
  return new Set(
    terms
      .slice(1)
      .flatMap((cell) => cell.split(/[,/\s]+/).flatMap((term) => [term.toLowerCase(), ...wordsOf(term)])),
  );
}

/** Every name of a file or a class, with the file that has it. */
function names(): { name: string; path: string }[] {
  return ['src', 'native'].flatMap(sources).flatMap((path) => {
    const text = readFileSync(join(projectRoot, path), 'utf8');
    const classes = [...text.matchAll(/^\s*(?:export )?(?:abstract )?(?:class|struct) ([A-Z]\w*)/gm)];
    const file = basename(path).replace(/\.\w+$/, '');
    return [file, ...classes.map(([, name = '']) => name)].map((name) => ({ name, path }));
  });
}

/** The word, and the forms of which it may be the plural. */
const forms = (word: string): string[] => [
  word,
  word.replace(/s$/, ''),
  word.replace(/es$/, ''),
  word.replace(/ies$/, 'y'),
];

test('file and class names use the words of docs/design.md, or everyday words', () => {
  const table = tableWords();
  const isKnown = (word: string) =>
    forms(word).some((form) => table.has(form) || everyday.has(form) || foreign.has(form));
  const unknown = names().flatMap(({ name, path }) =>
    wordsOf(name)
      .filter((word) => !isKnown(word) && !isWebPage(word, path))
      .map((word) => `${path}: ${name} has the word "${word}"`),
  );
  expect(table.size, 'docs/design.md has a table of words').toBeGreaterThan(5);
  expect([...new Set(unknown)], 'words that are neither in the table of docs/design.md nor everyday').toEqual(
    [],
  );
});
