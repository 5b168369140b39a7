import { pathToFileURL } from 'node:url';

const preload = pathToFileURL(`${import.meta.dirname}/../../scripts/uws-on-old-glibc.js`).href;

/** The environment for fixtures that import uWebSockets.js. With it the import works on systems with an older glibc, too. */
export function uwsEnvironment(): { NODE_OPTIONS: string } {
  return { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${preload}`.trim() };
}
