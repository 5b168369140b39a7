import { affinity } from './affinity.js';
import { chaos, recovery } from './cluster.js';
import { profile } from './profile.js';
import { committed } from './results.js';
import { goalTable, machine, micro, overview, proof, quality, scale, sessions, workload } from './tables.js';

/**
 * The generated parts of Markdown pages. A block stands between `<!-- figures: NAME -->` and `<!-- /figures -->`; the README's has
 * no name.
 */

const notYet = 'Not measured yet.';
const of = (part, draw) => {
  const result = committed(part);
  return result ? draw(result) : notYet;
};

/** A picture that fits the reader's light or dark page. `from` is the folder of the page, seen from docs/. */
function picture(name, text, from = '') {
  return [
    '<picture>',
    `  <source media="(prefers-color-scheme: dark)" srcset="${from}pictures/bench/${name}-dark.svg">`,
    `  <img alt="${text}" src="${from}pictures/bench/${name}-light.svg">`,
    '</picture>',
  ].join('\n');
}

/** Where and when, where that was another run than the rest. */
const measuredApart = ({ stamp }) => (stamp ? `\n\nMeasured apart: ${machine(stamp)}` : '');

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
        picture('throughput', 'Short connections a second, limpet beside what else could be used', 'docs/'),
        overview(results),
        `CPU in seconds per 10,000 short connections, all processes; sticky: whether every client stayed. ${machine(stamp)} ` +
          'More, and how to run it on your machine: [the benchmarks](docs/benchmarks.md).',
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
        picture('balance', 'Clients of each of 16 nodes over the average, by way of sharing out'),
        picture('movement', 'Clients moved when a node joins or dies, by way of sharing out'),
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
 * A page with its blocks made anew from the committed results.
 * @param {string} page Markdown
 * @returns {string} throws when the page asks for a block that there is not
 */
export function withFigures(page) {
  return page.replace(marked, (_, name = '') => {
    if (!(name in blocks)) throw new Error(`there is no block of figures named ${name}`);
    return `<!-- figures${name && `: ${name}`} -->\n${blocks[name]()}\n<!-- /figures -->`;
  });
}

/** The pages that have blocks, relative to the project. */
export const pages = ['README.md', 'docs/benchmarks.md', 'docs/cluster.md'];
