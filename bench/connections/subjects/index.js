import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { tool } from '../../prepare.js';

/**
 * A way to serve the app from several processes.
 * @typedef {object} Subject
 * @property {string} name its name for --only and in the results
 * @property {string} title
 * @property {'limpet' | 'sticky' | 'proxy' | 'plain'} group a `plain` subject is not sticky, or has one process
 * @property {string[]} command `{port}` stands for the port
 * @property {Record<string, string>} [env]
 * @property {number} [workers] the number of workers, if it is fixed
 * @property {string[]} [lacks] the apps that it cannot serve
 * @property {string} [by] what identifies a client, if it is not the address
 * @property {boolean} [special] whether only the workloads that name it use it
 * @property {() => string | undefined} [missing] returns why it cannot run here
 */

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const node = (name) => [process.execPath, file(name)];
const launcher = (how, workers) => [
  tool('reuseport-launcher'),
  how,
  '{port}',
  String(workers),
  process.execPath,
  file('single.js'),
];
const product = fileURLToPath(new URL('../../../dist/index.js', import.meta.url));

const uws = [
  process.execPath,
  '--import',
  new URL('../../../scripts/uws-on-old-glibc.js', import.meta.url).href,
  file('uws.js'),
];

const limpet = (name, title, options, command = node('limpet.js')) => ({
  name,
  title,
  group: 'limpet',
  command,
  env: { BENCH_LIMPET: product, BENCH_OPTIONS: JSON.stringify(options) },
});
const proxy = (name, title) => ({
  name,
  title,
  group: 'proxy',
  command: node('proxied.js'),
  env: { BENCH_PROXY: name },
  missing: () => (spawnSync(name, ['-v']).status === 0 ? undefined : `${name} is not installed`),
});

/**
 * @param {number} workers
 * @returns {Subject[]} in the order of the reports
 */
export function subjects(workers) {
  return [
    limpet('limpet-kernel', 'limpet, kernel', { handoff: 'kernel' }),
    limpet('limpet-fd', 'limpet, fd', { handoff: 'fd' }),
    limpet('limpet-ipc', 'limpet, ipc', { handoff: 'ipc' }),
    limpet('limpet-kernel-uws', 'limpet, kernel, uWS workers', { handoff: 'kernel' }, uws),
    limpet('limpet-fd-uws', 'limpet, fd, uWS workers', { handoff: 'fd' }, uws),
    {
      ...limpet('limpet-cookie', 'limpet, cookie', { handoff: 'fd', affinity: ['cookie', 'address'] }),
      special: true,
    },
    {
      ...limpet(
        'limpet-sid',
        'limpet, Socket.IO sid',
        { handoff: 'fd', affinity: ['socket.io', 'address'] },
        node('limpet-socket.io.js'),
      ),
      special: true,
    },
    {
      name: 'sticky-session',
      title: 'sticky-session 1.1.2',
      group: 'sticky',
      command: node('sticky-session.js'),
    },
    {
      name: 'sticky-cluster',
      title: 'sticky-cluster 0.3.5',
      group: 'sticky',
      command: node('sticky-cluster.js'),
    },
    {
      name: 'socket.io-sticky',
      title: '@socket.io/sticky 2.0.1',
      group: 'sticky',
      command: node('socket.io-sticky.js'),
      by: 'its sid alone',
      lacks: ['express', 'websocket'],
    },
    proxy('nginx', 'nginx in front'),
    proxy('haproxy', 'HAProxy in front'),
    { name: 'round-robin', title: 'Node cluster, round robin', group: 'plain', command: node('cluster.js') },
    {
      name: 'sched-none',
      title: 'Node cluster, SCHED_NONE',
      group: 'plain',
      command: node('cluster.js'),
      env: { NODE_CLUSTER_SCHED_POLICY: 'none' },
    },
    { name: 'reuseport', title: 'bare SO_REUSEPORT', group: 'plain', command: launcher('hash', workers) },
    {
      name: 'reuseport-bpf',
      title: 'bare SO_REUSEPORT + BPF',
      group: 'plain',
      command: launcher('bpf', workers),
    },
    {
      name: 'uws',
      title: 'uWebSockets.js by itself',
      group: 'plain',
      command: uws,
      env: { BENCH_ALONE: '1' },
    },
    { name: 'single', title: 'one process', group: 'plain', command: node('single.js'), workers: 1 },
  ];
}
