import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A Markdown page of the project. `path` is relative to the project's root. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

const root = new URL('../../', import.meta.url);

/** The path of the project's root, with a separator at the end. */
export const projectRoot: string = fileURLToPath(root);

/** Every Markdown page for readers. */
export const pages: readonly Page[] = ['.', 'docs', 'docs/api', 'examples']
  .flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, root)).map((name) => (folder === '.' ? name : `${folder}/${name}`)),
  )
  .filter((path) => path.endsWith('.md'))
  .map((path) => ({ path, text: readFileSync(new URL(path, root), 'utf8') }));
