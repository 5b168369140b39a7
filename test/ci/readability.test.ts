import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { check } from '../../scripts/readability.js';

const words = (count: number): string => Array.from({ length: count }, () => 'word').join(' ');
const found = (path: string, text: string): [number, string][] =>
  check(path, text).findings.map(({ line, kind }) => [line, kind]);

describe('a sentence', () => {
  test('of 30 words is fine, and of 31 words is long', () => {
    expect(found('a.md', `A${words(30)}.`)).toEqual([]);
    expect(found('a.md', `A ${words(30)}.`)).toEqual([[1, 'long']]);
  });

  test('ends at a full stop before a capital, a number or a code span, but not inside a number or a name', () => {
    expect(check('a.md', 'One. Two! Three? 4 is four. `five` is a span.').sentences).toBe(5);
    expect(check('a.md', 'nginx 1.18 reads nginx.conf, e.g. this one.').sentences).toBe(1);
  });

  test.each(['Where', 'What', 'Who', 'Whoever', 'Of', 'That which'])('must not begin with "%s"', (word) => {
    expect(found('a.md', `Fine. ${word} it is, it stays.`)).toContainEqual([1, 'beginning']);
  });

  test('may be a question, and may begin with a longer word', () => {
    expect(found('a.md', 'What is a slot? Often it is a number. That is a fact.')).toEqual([]);
  });

  test.each(['whoever', 'beside', 'is to', 'of its own accord'])('must not contain "%s"', (phrase) => {
    expect(found('a.md', `It says ${phrase} here.`)).toEqual([[1, 'phrase']]);
  });

  test('may contain a longer word', () => {
    expect(found('a.md', 'It is today besides.')).toEqual([]);
  });
});

describe('a page', () => {
  test('reports the line on which the sentence begins', () => {
    const page = ['# Where', '', 'A first line', 'ends. Where the', 'second begins.', '', '- Of an item.'];
    expect(found('a.md', page.join('\n'))).toEqual([
      [4, 'beginning'],
      [7, 'beginning'],
    ]);
  });

  test('does not count code, comments, URLs and headings', () => {
    const page = [
      `## ${words(40)}`,
      '```sh',
      `Where ${words(40)}`,
      '```',
      `<!-- Where ${words(40)} -->`,
      `A \`${words(40)}\` and [a link](https://example.org/where/is/to).`,
    ];
    expect(found('a.md', page.join('\n'))).toEqual([]);
  });

  test('counts only the long cells of a table', () => {
    const cell = `Where a cell has ${words(8)} it counts.`;
    expect(found('a.md', `| Where | what |\n| --- | --- |\n| Of one | ${cell} |`)).toEqual([
      [3, 'beginning'],
    ]);
  });
});

describe('a source file', () => {
  test('reports its comments and not its code', () => {
    const source = [
      "const text = 'Where it is. // Where';",
      '// Where a line',
      '// goes on, it is one sentence.',
      'call(); // Of a trailing comment.',
      '/** What it does. */',
      'function where() {}',
    ];
    expect(found('a.ts', source.join('\n'))).toEqual([
      [2, 'beginning'],
      [4, 'beginning'],
      [5, 'beginning'],
    ]);
  });

  test('separates paragraphs and tags of a docstring, and skips its examples', () => {
    const source = [
      '/**',
      ' * One',
      ' *',
      ' *     Where the example',
      ' *',
      ' * @param a Where it is',
      ' */',
    ];
    expect(check('a.cc', source.join('\n'))).toMatchObject({ sentences: 2, findings: [{ line: 6 }] });
  });
});

describe('the report', () => {
  const script = fileURLToPath(new URL('../../scripts/readability.js', import.meta.url));
  const run = (...args: string[]) => spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });

  test('has at most 20 files, worst first, and the totals', () => {
    const { stdout, status } = run();
    const rows = [...stdout.matchAll(/^ +\d+ +(\d+) +(\d+) +(\d+) {2}(.+)$/gm)];
    const sums = rows.map(([, ...cells]) => cells.slice(0, 3).reduce((sum, cell) => sum + Number(cell), 0));
    expect(rows.length).toBeLessThanOrEqual(21);
    expect(rows.at(-1)?.[4]).toMatch(/^in all \d+ files$/);
    expect(sums.slice(0, -1)).toEqual(sums.slice(0, -1).toSorted((a, b) => b - a));
    expect(status).toBe(0);
  });

  test('prints each finding of a file with its line', () => {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-readability-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'page.md');
    writeFileSync(file, 'A first line.\nWhere it goes, it goes.\n');
    expect(run(file)).toMatchObject({
      stdout: `${file}:2: beginning: Where it goes, it goes.\n1 findings in 2 sentences\n`,
      status: 0,
    });
  });

  test('exits with 0 even if the file does not exist', () => {
    expect(run('nowhere.md')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('Expected the path'),
    });
  });
});
