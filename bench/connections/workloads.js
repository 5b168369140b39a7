import { holdable } from './descriptors.js';

/**
 * A load on a subject.
 * @typedef {object} Workload
 * @property {string} title
 * @property {string} operation the unit that is counted, as a plural noun
 * @property {string} [app] the app that is served. Default: `http`.
 * @property {(scale: number) => Record<string, string | number | true>} options of the load client. `scale` is 1 in a full run and
 *   less in a quick run.
 * @property {string[]} [subjects] names. Default: every subject that is not special.
 * @property {boolean} [held] whether connections stay open while memory is read
 */

/** 20,000, or the number that the limit of descriptors allows. */
const idle = Math.min(20_000, holdable());

const quickly = (full, scale, least) => Math.max(least, Math.round(full * scale));

/** @type {Record<string, Workload>} */
export const workloads = {
  short: {
    title: 'Short connections, 64 at once',
    operation: 'connections',
    options: (scale) => ({ operations: quickly(30_000, scale, 5000), width: 64 }),
  },
  paced: {
    title: 'Short connections, 2,000 a second, each due at its time',
    operation: 'connections',
    options: (scale) => ({ operations: quickly(10_000, scale, 2000), rate: 2000, width: 4096 }),
  },
  alive: {
    title: 'Kept-alive requests on 256 connections',
    operation: 'requests',
    options: (scale) => ({ operations: quickly(100_000, scale, 20_000), width: 256, 'per-connection': 0 }),
  },
  websocket: {
    title: 'WebSocket messages of 64 bytes on 256 connections',
    operation: 'messages',
    app: 'websocket',
    options: (scale) => ({
      operations: quickly(200_000, scale, 20_000),
      width: 256,
      'per-connection': 0,
      websocket: true,
    }),
  },
  bodies: {
    title: 'Short connections, every twentieth a POST of 1 MiB',
    operation: 'connections',
    options: (scale) => ({
      operations: quickly(10_000, scale, 2000),
      width: 64,
      'body-percent': 5,
      'body-bytes': 1_048_576,
    }),
  },
  idle: {
    title: `${idle.toLocaleString('en')} idle connections held open`,
    operation: 'connections',
    held: true,
    options: (scale) => ({ operations: quickly(idle, scale, 2000), width: 64, hold: true }),
  },
  express: {
    title: 'Express, kept-alive requests on 256 connections',
    operation: 'requests',
    app: 'express',
    subjects: [
      'limpet-kernel',
      'limpet-fd',
      'sticky-session',
      'sticky-cluster',
      'round-robin',
      'reuseport',
      'single',
    ],
    options: (scale) => ({ operations: quickly(60_000, scale, 10_000), width: 256, 'per-connection': 0 }),
  },
  cookie: {
    title: 'Short connections of clients with a cookie',
    operation: 'connections',
    subjects: ['limpet-cookie', 'socket.io-sticky', 'round-robin'],
    options: (scale) => ({
      operations: quickly(30_000, scale, 5000),
      width: 64,
      clients: 500,
      addresses: 500,
      remember: 'cookie',
    }),
  },
  sid: {
    title: 'Short connections of clients with a Socket.IO session id',
    operation: 'connections',
    app: 'socket.io',
    subjects: ['limpet-sid', 'socket.io-sticky', 'sticky-session'],
    options: (scale) => ({
      operations: quickly(30_000, scale, 5000),
      width: 64,
      clients: 500,
      addresses: 500,
      remember: 'sid',
    }),
  },
  'sid-alive': {
    title: 'Kept-alive requests with a Socket.IO session id on 256 connections',
    operation: 'requests',
    app: 'socket.io',
    subjects: ['limpet-sid', 'limpet-fd', 'socket.io-sticky', 'sticky-session'],
    options: (scale) => ({
      operations: quickly(180_000, scale, 10_000),
      width: 256,
      'per-connection': 0,
      clients: 500,
      addresses: 500,
      remember: 'sid',
    }),
  },
};

/** The workloads and subjects of --quick. */
export const quick = {
  workloads: ['short', 'alive'],
  subjects: [
    'limpet-kernel',
    'limpet-fd',
    'limpet-ipc',
    'limpet-kernel-uws',
    'sticky-session',
    'socket.io-sticky',
    'haproxy',
    'round-robin',
    'reuseport-bpf',
    'uws',
  ],
};
