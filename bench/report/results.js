import { existsSync, readFileSync } from 'node:fs';

/** The committed results of a part, with their stamp; undefined if the part has no results. */
export function committed(part) {
  const file = new URL(`../results/${part}.json`, import.meta.url);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}
