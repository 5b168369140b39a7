/**
 * Writes the tables of options in README.md from the docstrings, types and defaults in src/options.ts.
 * `npm run docs` runs it after a build. A test compares the README with its output.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

/**
 * Returns `page` with a new table in each block between `<!-- options: NAME -->` and `<!-- /options -->`.
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
 * @param {Record<string, { expected: string }>} [rules] option → the values that it takes; shown instead of the type
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
 * @param {typeof import('../src/options.ts')} options the module, from src/ or from dist/
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
