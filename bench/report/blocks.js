import { affinity } from './affinity.js';
import { chaos, recovery } from './cluster.js';
import { profile } from './profile.js';
import { committed } from './results.js';
import { goalTable, machine, micro, overview, proof, quality, scale, sessions, workload } from './tables.js';

/**
 * The generated parts of Markdown pages. A block is between `<!-- figures: NAME -->` and `<!-- /figures -->`. The block of the README has
 * no name.
 */

const notYet = 'Not measured yet.';
const of = (part, draw) => {
  const result = committed(part);
  return result ? draw(result) : notYet;
};

/** A picture in two versions, for light and dark pages. `from` is the path from the page to docs/. */
function picture(name, text, from = '') {
  return [
    '<picture>',
    `  <source media="(prefers-color-scheme: dark)" srcset="${from}pictures/bench/${name}-dark.svg">`,
    `  <img alt="${text}" src="${from}pictures/bench/${name}-light.svg">`,
    '</picture>',
  ].join('\n');
}

/** The machine and the date, if the workload was measured in another run than the others. */
const measuredApart = ({ stamp }) => (stamp ? `\n\nMeasured in a separate run: ${machine(stamp)}` : '');

const oneWorkload = (name) =>
  of('connections', ({ results }) =>
    results[name]
      ? `### ${results[name].title}\n\n${workload(results[name])}${measuredApart(results[name])}`
      : notYet,
  );

/** @type {Record<string, () => string>} */
const blocks = {
  '': () =>
    of('connections', ({ stamp, results }) =>
      [
        picture('throughput', 'Short connections a second, of limpet and of its alternatives', 'docs/'),
        overview(results),
        `CPU is in seconds per 10,000 short connections, for all processes. Sticky means that every client stayed. ${machine(stamp)} ` +
          'For more figures, and to run them on your machine, see [the benchmarks](docs/benchmarks.md).',
      ].join('\n\n'),
    ),
  machine: () => of('connections', ({ stamp }) => machine(stamp)),
  goals: () => of('connections', ({ results }) => goalTable(results)),
  connections: () =>
    of('connections', ({ results }) =>
      [
        picture('throughput', 'Short connections a second by subject'),
        picture('cpu', 'CPU seconds per 10,000 short connections, router and workers, by subject'),
        picture('latency', 'Distribution of latency at 2,000 connections a second'),
        ...Object.keys(results).map(oneWorkload),
      ].join('\n\n'),
    ),
  quality: () =>
    of('quality', ({ results }) =>
      [
        picture('balance', 'Clients of each of 16 nodes divided by the mean, for each algorithm'),
        picture('movement', 'Clients moved when a node joins or dies, for each algorithm'),
        quality(results),
      ].join('\n\n'),
    ),
  micro: () => of('micro', ({ results }) => micro(results)),
  sessions: () =>
    of('sessions', ({ results }) =>
      [picture('sessions', 'Microseconds to read a session, by store'), sessions(results)].join('\n\n'),
    ),
  affinity: () => of('affinity', affinity),
  proof: () => of('proof', ({ results }) => proof(results)),
  scale: () => of('scale', ({ results }) => scale(results)),
  profile: () => of('profile', profile),
  chaos: () => of('chaos', chaos),
  recovery: () => of('recovery', recovery),
};

const marked = /<!-- figures(?:: (\w+))? -->\n[\s\S]*?\n?<!-- \/figures -->/g;

/**
 * Returns the page with new blocks from the committed results.
 * @param {string} page Markdown
 * @returns {string} throws if the page names a block that does not exist
 */
export function withFigures(page) {
  return page.replace(marked, (_, name = '') => {
    if (!(name in blocks))
      throw new Error(
        `the page names a block of figures ${name}, expected one of ${Object.keys(blocks).filter(Boolean).join(', ')}`,
      );
    return `<!-- figures${name && `: ${name}`} -->\n${blocks[name]()}\n<!-- /figures -->`;
  });
}

/** The pages that have blocks, relative to the project's root. */
export const pages = ['README.md', 'docs/benchmarks.md', 'docs/cluster.md'];
