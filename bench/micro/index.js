import { measureEngines } from './engines.js';
import { measureHashes } from './hash.js';
import { measureHeads } from './heads.js';
import { measureLookupMany, measureLookups } from './lookup.js';
import { measureSockets } from './sockets.js';

/**
 * Measures single calls of limpet, and of packages that could be used instead: `npm run bench -- --only micro`
 *
 * @param {import('../parts.js').Run} run
 * @returns {Promise<import('./measure.js').Row[]>}
 */
export async function measureMicro(run) {
  return [
    ...(await measureHashes(run)),
    ...measureLookups(run),
    ...measureLookupMany(run),
    ...measureEngines(run),
    ...measureHeads(run),
    ...(await measureSockets(run)),
  ];
}
