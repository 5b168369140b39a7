import { pathToFileURL } from 'node:url';

const preload = pathToFileURL(`${import.meta.dirname}/../../scripts/uws-on-old-glibc.js`).href;

/** The environment in which a fixture's `import uWS from 'uWebSockets.js'` works on every system that the tests run on. */
export function uwsEnvironment(): { NODE_OPTIONS: string } {
  return { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${preload}`.trim() };
}
