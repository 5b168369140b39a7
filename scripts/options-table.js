/**
 * Writes the tables of options in README.md from src/options.ts: its docstrings, its types and its defaults.
 * `npm run docs` runs it after a build; a test holds the README to what it writes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

/**
 * `page` with each block between `<!-- options: NAME -->` and `<!-- /options -->` made anew.
 * @param {string} page Markdown
 * @param {string} source the text of src/options.ts
 * @param {Record<string, Record<string, unknown>>} defaults interface name → option → default
 * @returns {string}
 */
export function withOptionTables(page, source, defaults) {
  return page.replace(
    /(<!-- options: (\w+) -->\n)[\s\S]*?(<!-- \/options -->)/g,
    (_, start, name, end) => `${start}\n${tableOf(name, source, defaults[name] ?? {})}\n${end}`,
  );
}

/**
 * @param {string} name of the interface
 * @param {string} source the text of src/options.ts
 * @param {Record<string, unknown>} defaults option → default
 * @param {Record<string, { expected: string }>} [rules] what each option takes, to be told in place of its type
 * @returns {string}
 */
export function tableOf(name, source, defaults, rules) {
  const file = ts.createSourceFile('options.ts', source, ts.ScriptTarget.Latest, true);
  const declaration = file.statements.find(
    (node) => ts.isInterfaceDeclaration(node) && node.name.text === name,
  );
  const rows = declaration.members.map((member) => {
    const option = member.name.getText(file);
    const type = member.type.getText(file).replaceAll('|', '\\|');
    const takes = rules ? rules[option].expected : `\`${type}\``;
    const initial = defaults[option] === undefined ? '' : `\`${JSON.stringify(defaults[option])}\``;
    const meaning = ts.getJSDocCommentsAndTags(member).map(({ comment }) => comment)[0] ?? '';
    return `| \`${option}\` | ${takes} | ${initial.replaceAll('"', "'")} | ${meaning.replaceAll('\n', ' ')} |\n`;
  });
  return `| option | ${rules ? 'takes' : 'type'} | default | meaning |\n| --- | --- | --- | --- |\n${rows.join('')}`;
}

/**
 * @param {typeof import('../src/options.ts')} options the module, from wherever it was loaded
 * @returns {Record<string, Record<string, unknown>>} interface name → option → default
 */
export function defaultsOf({ checkRouterOptions, checkListenOptions }) {
  const router = { ...checkRouterOptions({}), workers: 'max', secret: undefined };
  return { RouterOptions: router, ListenOptions: { ...checkListenOptions(0), port: undefined } };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const place = (path) => new URL(`../${path}`, import.meta.url);
  const [page, source] = ['README.md', 'src/options.ts'].map((path) => readFileSync(place(path), 'utf8'));
  const options = await import(place('dist/options.js'));
  writeFileSync(place('README.md'), withOptionTables(page, source, defaultsOf(options)));
}
