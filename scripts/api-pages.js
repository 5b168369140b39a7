/**
 * Writes docs/api/*.md from the types and docstrings in src/: one page for each entry point of package.json. `npm run docs`
 * runs it after a build. A test compares the pages with its output.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import { pathToFileURL } from 'node:url';
import { defaultsOf, tableOf } from './options-table.js';
import { exportsOf, introOf, kindNames, membersOf, signatureOf, wordsOf } from './public-api.js';

const place = (path) => new URL(`../${path}`, import.meta.url);
const read = (path) => readFileSync(place(path), 'utf8');

/**
 * @param {typeof import('../src/options.ts')} options the module, from src/ or from dist/
 * @returns {{ pages: Record<string, string>, thin: string[] }} path → text, and the public names that have no docstring
 */
export function apiPages(options) {
  const entries = Object.entries(JSON.parse(read('package.json')).exports).filter(([, { types }]) => types);
  const pages = entries.map(([name, { types }]) => {
    const source = types.replace('./dist/', 'src/').replace('.d.ts', '.ts');
    return new Page(posix.join('limpet', name), source, options);
  });
  return {
    pages: Object.fromEntries(pages.map(({ path, text }) => [path, text])),
    thin: pages.flatMap(({ thin }) => thin),
  };
}

class Page {
  thin = [];
  #title;
  #options;
  /** Name of an export → a link to its section. */
  #links;

  constructor(title, source, options) {
    this.#title = title;
    this.#options = options;
    const things = exportsOf(source).sort((one, other) => order(one) - order(other));
    this.#links = new Map(things.map((each) => [each.name, `[\`${each.name}\`](#${anchorOf(each)})`]));
    const contents = kindNames.flatMap((kind) => {
      const links = things.filter((each) => each.kind === kind).map(({ name }) => this.#links.get(name));
      return links.length === 0 ? [] : [`- ${kind}: ${links.join(', ')}`];
    });
    this.path = `docs/api/${posix.basename(title)}.md`;
    this.text = `${[
      `# ${title}`,
      introOf(source),
      contents.join('\n'),
      ...things.map((each) => `## ${each.kind} ${each.name}\n\n${this.#section(each)}`),
      `---\n\nWritten by \`npm run docs\` from [${source}](../../${source}) and what it exports.`,
    ].join('\n\n')}\n`;
  }

  #section({ name, kind, node }) {
    const words = this.#said(wordsOf(node), name);
    const shown = (text) => `\`\`\`ts\n${text}\n\`\`\`${this.#types(text, name)}`;
    if (kind === 'Function') return `${words}\n\n${shown(signatureOf(node, name))}`;
    if (kind === 'Type') return `${words}\n\n${shown(node.getText().replace(/^export /, ''))}`;
    if (kind === 'Constant') {
      return `${words}\n\n${shown(`${name}: ${node.declarationList.declarations[0].type.getText()}`)}`;
    }
    const heritage = (node.heritageClauses ?? []).map((clause) => `\`${clause.getText()}\``);
    const members = name === 'RouterOptions' ? [this.#routerOptions()] : this.#members(name, node);
    return [...heritage, words, ...members].filter(Boolean).join('\n\n');
  }

  #routerOptions() {
    const { routerRules } = this.#options;
    const defaults = defaultsOf(this.#options).RouterOptions;
    return tableOf('RouterOptions', read('src/options.ts'), defaults, routerRules).trimEnd();
  }

  #members(owner, node) {
    const { properties, calls } = membersOf(node);
    const rows = properties.map((member) => {
      const type = oneLine(member.type?.getText() ?? '');
      const name = member.name?.getText() ?? `[${member.parameters[0].getText()}]`;
      const words = this.#said(wordsOf(member) || this.#linksIn(type).join(', '), `${owner}.${name}`);
      return `\n| \`${name}${member.questionToken ? '?' : ''}\` | \`${cell(type)}\` | ${cell(words)} |`;
    });
    const items = calls.map((member, at) => {
      const name = member.name?.getText() ?? `new ${owner}`;
      const isNext = calls[at - 1]?.name?.getText() === name;
      const given = this.#linksIn(member.type?.getText() ?? '').map((link) => `Gives ${link}.`);
      const said = wordsOf(member) || given.join(' ');
      const words = isNext ? wordsOf(member) : this.#said(said, `${owner}.${name}()`);
      const signature = `- \`${oneLine(signatureOf(member, name))}\``;
      return words === '' ? signature : `${signature}\n\n  ${words.replace(/\n(?=.)/g, '\n  ')}`;
    });
    const table = rows.length === 0 ? '' : `| property | type | |\n| --- | --- | --- |${rows.join('')}`;
    return [table, items.join('\n\n')];
  }

  #said(words, name) {
    if (words === '') this.thin.push(`${this.#title}: ${name}`);
    return words;
  }

  #types(text, itself) {
    const links = this.#linksIn(text, itself);
    return links.length === 0 ? '' : `\n\nSee ${links.join(', ')}.`;
  }

  /** Links to the exports of the page that `text` names. */
  #linksIn(text, itself) {
    const isNamed = (name) => name !== itself && new RegExp(`(?<![\\w.'"])${name}\\b(?!\\??:)`).test(text);
    return [...this.#links].filter(([name]) => isNamed(name)).map(([, link]) => link);
  }
}

const order = ({ kind }) => kindNames.indexOf(kind);
const anchorOf = ({ kind, name }) => `${kind}-${name}`.toLowerCase();
const cell = (text) => text.replace(/\s*\n\s*/g, ' ').replaceAll('|', '\\|');
const oneLine = (text) =>
  text
    .replace(/\/\*\*[\s\S]*?\*\//g, '')
    .replace(/\s+/g, ' ')
    .replace(/(?<=[([]) | (?=[)\]])/g, '')
    .replace(/,(?=[)\]])/g, '');

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { pages } = apiPages(await import(place('dist/options.js')));
  mkdirSync(place('docs/api'), { recursive: true });
  for (const [path, text] of Object.entries(pages)) writeFileSync(place(path), text);
}
