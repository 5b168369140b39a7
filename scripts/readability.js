/**
 * node scripts/readability.js [FILE]: reports sentences that are hard to read, in the pages and in the comments of src/ and native/.
 * Without FILE, it prints the files with the most findings. With FILE, it prints each finding with its line. The exit code is always 0.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const wordsMax = 30;
const rowsMax = 20;
/** A shorter cell of a table is not a sentence. */
const cellWordsMin = 10;

/** The first words that put the subject of a sentence behind a clause. */
const beginnings = /^(Where|What|Who|Whoever|Of|That which)\b/;
const phrases = /\b(whoever|beside|is to|of its own accord)\b/gi;

const kinds = ['long', 'beginning', 'phrase'];

/** @typedef {{ line: number, kind: 'long' | 'beginning' | 'phrase', text: string }} Finding */
/** @typedef {{ line: number, text: string }[]} Block lines that belong together: a paragraph, an item of a list, a cell of a table */

/**
 * @param {string} path its extension decides how it is read: as Markdown, or as source with comments
 * @param {string} text
 * @returns {{ sentences: number, findings: Finding[] }}
 */
export function check(path, text) {
  const blocks = extname(path) === '.md' ? blocksOfPage(text) : blocksOfComments(text);
  const sentences = blocks.flatMap(sentencesOf);
  return { sentences: sentences.length, findings: sentences.flatMap(findingsOf) };
}

function findingsOf({ line, text }) {
  const words = text.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
  const start = text.replace(/^[^\p{L}]+/u, '');
  return [
    ...(words > wordsMax ? [{ line, kind: 'long', text: `${words} words: ${text}` }] : []),
    ...(beginnings.test(start) && !text.endsWith('?') ? [{ line, kind: 'beginning', text }] : []),
    ...[...text.matchAll(phrases)].map(([phrase]) => ({ line, kind: 'phrase', text: `${phrase}: ${text}` })),
  ];
}

/** The sentences of a block, each with its first line. */
function sentencesOf(block) {
  const text = withoutMarkup(block.map((each) => each.text).join('\n'));
  const parts = text.matchAll(/[\s\S]+?(?:[.!?][)"'*_]*(?=\s+[*_"'(]*[\p{Lu}\p{N}])|$)/gu);
  return [...parts].flatMap(({ 0: part, index }) => {
    const start = index + part.search(/\S|$/);
    const line = block[text.slice(0, start).split('\n').length - 1]?.line;
    const sentence = part.replace(/\s+/g, ' ').trim();
    return sentence === '' ? [] : [{ line, text: sentence }];
  });
}

/** Replaces code spans, links, tags and URLs by one word each, or by their text. Line breaks stay. */
function withoutMarkup(text) {
  const lineBreaks = (part) => part.replace(/[^\n]/g, '');
  return text
    .replace(/`[^`]*`/g, (span) => `Code${lineBreaks(span)}`)
    .replace(/\{@link (\S+)\}/g, '$1')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/<[^>]*>/g, lineBreaks)
    .replace(/https?:\/\/[^\s)]+/g, 'URL');
}

function blocksOfPage(text) {
  const prose = text.replace(/^(`{3,})[\s\S]*?^\1|<!--[\s\S]*?-->/gm, (code) => code.replace(/[^\n]/g, ''));
  const blocks = [];
  let block = [];
  for (const [index, line] of prose.split('\n').entries()) {
    const isNext = /^\s*([-*>]|\d+\.)\s|^\s*$|^#|^\|/.test(line);
    if (isNext) block = [];
    if (/^\s*$|^#/.test(line)) continue;
    if (line.startsWith('|')) {
      const cells = line.split(/(?<!\\)\|/).filter((cell) => cell.trim().split(/\s+/).length >= cellWordsMin);
      blocks.push(...cells.map((cell) => [{ line: index + 1, text: cell }]));
      continue;
    }
    if (block.length === 0) blocks.push(block);
    block.push({ line: index + 1, text: isNext ? line.replace(/^\s*([-*>]|\d+\.)\s/, '') : line });
  }
  return blocks;
}

function blocksOfComments(text) {
  const blocks = [];
  let block = [];
  let isInside = false;
  for (const [index, line] of text.split('\n').entries()) {
    const comment = isInside ? line : /^\s*\/\*.*|^\s*\/\/.*|(?<=[;,{}()\]] +)\/\/ .*/.exec(line)?.[0];
    if (comment === undefined) {
      block = [];
      continue;
    }
    if (/^\s*\/\*/.test(comment)) block = [];
    isInside = (isInside || /^\s*\/\*/.test(comment)) && !comment.includes('*/');
    const words = comment.replace(/^\s*(\/\*+|\*(?!\/)|\/\/+) ?|\s*\*\/.*$/g, '');
    const isTag = /^\s*@/.test(words);
    // An indented line is code. A line with a tag begins a new block.
    if (isTag || words.trim() === '' || /^\s{4}/.test(words)) block = [];
    const said = words.replace(
      /^\s*@(param|typedef|property|returns?|throws)\s*(\{.*\}\s*)?(\[?\w+\]?)?/,
      '',
    );
    if (said.trim() === '' || /^\s{4}/.test(words)) continue;
    if (block.length === 0) blocks.push(block);
    block.push({ line: index + 1, text: said });
  }
  return blocks;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'UPGRADING.md', 'SECURITY.md'];

function files() {
  const inside = (folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name));
  return [
    ...pages,
    ...readdirSync(join(root, 'docs'))
      .map((name) => join('docs', name))
      .filter((path) => path.endsWith('.md')),
    ...inside('src').filter((path) => path.endsWith('.ts')),
    ...inside('native').filter((path) => /\.(cc|h)$/.test(path)),
  ];
}

/** The lines of the report on the whole project. */
function report() {
  const all = files().map((path) => ({ path, ...check(path, readFileSync(join(root, path), 'utf8')) }));
  const found = all.filter(({ findings }) => findings.length > 0);
  const worst = found.toSorted((one, other) => other.findings.length - one.findings.length);
  const total = {
    path: `in all ${all.length} files`,
    sentences: all.reduce((sum, { sentences }) => sum + sentences, 0),
    findings: found.flatMap(({ findings }) => findings),
  };
  return [
    'Readability: long sentences, sentences that begin with a clause, and phrases to avoid.',
    row(['sentences', ...kinds], 'file'),
    ...[...worst.slice(0, rowsMax), total].map(({ path, sentences, findings }) =>
      row([sentences, ...kinds.map((kind) => findings.filter((each) => each.kind === kind).length)], path),
    ),
    'To see each finding of a file: node scripts/readability.js FILE',
  ];
}

function row(cells, path) {
  return `${cells.map((cell) => String(cell).padStart(11)).join('')}  ${path}`;
}

/** The lines of the report on one file. */
function reportOn(path) {
  const { sentences, findings } = check(path, readFileSync(path, 'utf8'));
  const lines = findings.map(({ line, kind, text }) => `${path}:${line}: ${kind}: ${text}`);
  return [...lines, `${findings.length} findings in ${sentences} sentences`];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file] = process.argv.slice(2);
  try {
    console.log((file === undefined ? report() : reportOn(file)).join('\n'));
  } catch (error) {
    console.log(`readability: ${error.message}. Expected the path of a page or of a source file.`);
  }
}
