/**
 * Calculates how one proxy distributes clients over 1,000 machines with 64 workers each: how evenly, how many clients move when a machine
 * is added, and how large the configuration is. `node bench/edge/index.js` (after a build) writes bench/results/edge-on-paper.md.
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { haproxy, nginx } from '../../dist/edge/index.js';
import { haproxyCircle, nginxCircle } from './circles.js';

const machines = 1000;
const workers = 64;
const keys = 1_000_000;
const file = new URL('../results/edge-on-paper.md', import.meta.url);

const nodes = (count) =>
  Array.from({ length: count }, (_, i) => ({ host: `10.${100 + (i >> 8)}.${i & 255}.1`, name: `m${i}` }));
const generators = { nginx, haproxy };
const circles = { nginx: nginxCircle, haproxy: haproxyCircle };

const rows = [];
for (const proxy of ['nginx', 'haproxy']) {
  for (const via of ['direct', 'shared']) {
    const configurationFor = (count) =>
      generators[proxy]({ nodes: nodes(count), workers, via, port: 3000, directPort: 4000 });
    const text = configurationFor(machines);
    const servers = serversOf(text, proxy, via);
    const circle = circles[proxy](servers);
    const each = via === 'direct' ? circle.shares() : throughRings(circle.shares());
    rows.push({
      proxy,
      via,
      servers: servers.length,
      places: servers.reduce((sum, { weight }) => sum + weight * (proxy === 'nginx' ? 160 : 16), 0),
      bytes: text.length,
      ...evenness(each),
      ...movement(circle, circles[proxy](serversOf(configurationFor(machines + 1), proxy, via)), servers),
    });
  }
}

const number = (value) => value.toLocaleString('en');
const percent = (value) => `${(value * 100).toFixed(3)} %`;
writeFileSync(
  file,
  `# ${number(machines)} machines of ${workers} workers, on paper

Written by \`bench/edge/index.js\`: arithmetic on models of the proxies' consistent hashing, over the servers and weights that \`limpet edge\` writes.
Peak and lowest are shares of one *worker*, in means. Moved: of ${number(keys)} random keys, when the last machine comes; the optimum is ${percent(1 / (machines + 1))}. Needless: keys that
moved, and not to that machine. When it goes again, the same keys move back.

| proxy | via | servers | places on the circle | configuration | peak | 99th percentile | lowest | moved | needless |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${rows
  .map(
    ({ proxy, via, servers, places, bytes, peak, p99, lowest, moved, needless }) =>
      `| ${proxy} | ${via} | ${number(servers)} | ${number(places)} | ${number(Math.round(bytes / 1024))} KiB | ${peak.toFixed(3)} | ${p99.toFixed(3)} | ${lowest.toFixed(3)} | ${percent(moved)} | ${needless} |`,
  )
  .join('\n')}

Via the shared port, a machine's share is dealt out by limpet's own ring, which is even to a bucket of 1,024: what is uneven is the proxy's circle of machines.
`,
);

/** The servers in the text of a configuration. */
function serversOf(text, proxy, via) {
  const lines = text.split('\n').filter((line) => /^ *server .*:\d/.test(line));
  return lines.map((line) => {
    const [, host, port] = /(10\.\d+\.\d+\.\d+):(\d+)/.exec(line);
    const weight = Number(/weight[= ](\d+)/.exec(line)?.[1] ?? 1);
    return { host, port, weight, id: Number(/ id (\d+)/.exec(line)?.[1] ?? 0), proxy, via };
  });
}

/** The share of each worker. A ring of 1,024 buckets gives each of the 64 workers exactly 16 buckets. */
function throughRings(shares) {
  return Float64Array.from(
    { length: shares.length * workers },
    (_, i) => shares[Math.floor(i / workers)] / workers,
  );
}

function evenness(shares) {
  const sorted = shares.slice().sort();
  const mean = 1 / sorted.length;
  return {
    peak: sorted.at(-1) / mean,
    p99: sorted[Math.floor(sorted.length * 0.99)] / mean,
    lowest: sorted[0] / mean,
  };
}

function movement(before, after, servers) {
  let moved = 0;
  let needless = 0;
  for (let i = 0; i < keys; i++) {
    const key = randomBytes(4).readUInt32LE();
    const now = after.ownerOf(key);
    if (before.ownerOf(key) === now) continue;
    moved += 1;
    if (now < servers.length) needless += 1;
  }
  return { moved: moved / keys, needless };
}
