import { readFileSync } from 'node:fs';

/** A file of the page. */
export interface Asset {
  readonly type: string;
  readonly body: Buffer;
}

const files = {
  '/': ['page.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/ring-picture.js': ['ring-picture.js', 'text/javascript; charset=utf-8'],
  '/rates.js': ['rates.js', 'text/javascript; charset=utf-8'],
  '/slot-table.js': ['slot-table.js', 'text/javascript; charset=utf-8'],
} as const;

/** The page's files by their path, read once: they are served as they lie in `page/`. */
export const assets: ReadonlyMap<string, Asset> = new Map(
  Object.entries(files).map(([path, [name, type]]) => [
    path,
    { type, body: readFileSync(new URL(`./page/${name}`, import.meta.url)) },
  ]),
);
