import { existsSync, readFileSync } from 'node:fs';

/** The committed results of a part: its stamp and what it measured; undefined when it has not been run. */
export function committed(part) {
  const file = new URL(`../results/${part}.json`, import.meta.url);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}
