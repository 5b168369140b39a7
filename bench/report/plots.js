import { committed } from './results.js';

/**
 * The plots, as Vega-Lite specifications without a theme. draw.js adds the theme.
 * @typedef {{ from: string, specification: object }} Plot `from` is the part whose results the plot shows
 */

const ours = 'limpet';
const groupColour = {
  field: 'group',
  type: 'nominal',
  scale: { domain: ['limpet', 'sticky', 'proxy', 'plain'], range: 'groups' },
  legend: null,
};
const subjectAxis = (sort) => ({
  field: 'title',
  type: 'nominal',
  sort,
  title: null,
  axis: { labelLimit: 260 },
});

function rowsOf({ subjects }) {
  return Object.values(subjects)
    .filter(({ median }) => median)
    .map(({ title, group, median }) => ({ title, group, ...median }));
}

function throughput(results) {
  const values = rowsOf(results.short)
    .map(({ title, group, perSecond }) => ({ title, group, perSecond }))
    .toSorted((a, b) => b.perSecond - a.perSecond);
  return {
    title: results.short.title,
    data: { values },
    height: { step: 22 },
    encoding: {
      y: subjectAxis(values.map(({ title }) => title)),
      x: { field: 'perSecond', type: 'quantitative', title: 'connections a second' },
    },
    layer: [
      { mark: { type: 'bar' }, encoding: { color: groupColour } },
      {
        mark: { type: 'text', align: 'left', dx: 4 },
        encoding: { text: { field: 'perSecond', type: 'quantitative', format: ',.0f' } },
      },
    ],
  };
}

function cpu(results) {
  const rows = rowsOf(results.short).toSorted((a, b) => a.cpu - b.cpu);
  const values = rows.flatMap(({ title, routerCpu, workersCpu }) => [
    { title, who: 'router', seconds: routerCpu },
    { title, who: 'workers', seconds: workersCpu },
  ]);
  return {
    title: `CPU: ${results.short.title.toLowerCase()}`,
    data: { values },
    height: { step: 22 },
    mark: 'bar',
    encoding: {
      y: subjectAxis(rows.map(({ title }) => title)),
      x: { field: 'seconds', type: 'quantitative', title: 'CPU seconds per 10,000 connections' },
      color: {
        field: 'who',
        type: 'nominal',
        title: null,
        scale: { domain: ['router', 'workers'], range: 'pair' },
        legend: { orient: 'top' },
      },
      order: { field: 'who' },
    },
  };
}

/** The axis is logarithmic in the tail: from 90 % to 99 % is as wide as from 99 % to 99.9 %. */
function latency(results) {
  const shown = [
    'limpet-kernel',
    'limpet-fd',
    'sticky-session',
    'socket.io-sticky',
    'haproxy',
    'round-robin',
    'reuseport-bpf',
  ];
  const values = shown
    .map((name) => results.paced?.subjects[name])
    .filter((subject) => subject?.median)
    .flatMap(({ title, median }) =>
      median.distribution
        .filter(([share]) => share >= 0.1 && share <= 0.999)
        .map(([share, microseconds]) => ({
          title,
          nines: -Math.log10(1 - share),
          milliseconds: microseconds / 1000,
        })),
    );
  return {
    title: results.paced?.title ?? '',
    data: { values },
    height: 280,
    mark: { type: 'line', interpolate: 'monotone', strokeWidth: 2 },
    encoding: {
      x: {
        field: 'nines',
        type: 'quantitative',
        title: 'share of the connections that were answered within',
        axis: {
          values: [0.30103, 1, 2, 3],
          labelExpr:
            "datum.value < 0.5 ? '50 %' : datum.value < 1.5 ? '90 %' : datum.value < 2.5 ? '99 %' : '99.9 %'",
        },
      },
      y: { field: 'milliseconds', type: 'quantitative', title: 'milliseconds', scale: { type: 'log' } },
      color: {
        field: 'title',
        type: 'nominal',
        title: null,
        sort: null,
        scale: { range: 'lines' },
        legend: { orient: 'right' },
      },
    },
  };
}

function balance({ sizes }) {
  const values = Object.entries(sizes[16]).flatMap(([way, { shares }]) =>
    shares.map((share) => ({ way, share })),
  );
  return {
    title: 'Clients of each of 16 nodes, over the average',
    data: { values },
    height: { step: 32 },
    mark: { type: 'tick', thickness: 2, size: 18 },
    encoding: {
      y: { field: 'way', type: 'nominal', sort: Object.keys(sizes[16]), title: null },
      x: { field: 'share', type: 'quantitative', title: '1 is an even share', scale: { zero: false } },
      color: wayColour,
    },
  };
}

function movement({ sizes }) {
  const values = Object.entries(sizes[16]).flatMap(([way, { joinMoved, deathOthers }]) => [
    { way, what: 'a node joins: of all clients', moved: joinMoved },
    { way, what: 'a node dies: of the others’ clients', moved: deathOthers },
  ]);
  return {
    title: 'Clients moved, 16 nodes',
    data: { values },
    columns: 1,
    facet: {
      field: 'what',
      type: 'nominal',
      title: null,
      sort: null,
      header: { labelAnchor: 'start', labelFontSize: 12 },
    },
    spec: {
      width: 560,
      height: { step: 20 },
      encoding: {
        y: { field: 'way', type: 'nominal', sort: Object.keys(sizes[16]), title: null },
        x: { field: 'moved', type: 'quantitative', title: null, axis: { format: '.0%' } },
      },
      layer: [
        { mark: 'bar', encoding: { color: wayColour } },
        {
          mark: { type: 'text', align: 'left', dx: 4 },
          encoding: { text: { field: 'moved', type: 'quantitative', format: '.1%' } },
        },
      ],
    },
  };
}

const wayColour = {
  condition: { test: `datum.way === '${ours}'`, value: { expr: 'ours' } },
  value: { expr: 'others' },
};

function sessionReads({ bare }) {
  const values = bare
    .filter(({ read }) => read !== undefined)
    .map(({ name, read }) => ({ way: name, read, mine: name.startsWith(ours) }))
    .toSorted((a, b) => a.read - b.read);
  return {
    title: 'Reading a session',
    data: { values },
    height: { step: 22 },
    encoding: {
      y: {
        field: 'way',
        type: 'nominal',
        sort: values.map(({ way }) => way),
        title: null,
        axis: { labelLimit: 260 },
      },
      x: { field: 'read', type: 'quantitative', title: 'microseconds' },
    },
    layer: [
      {
        mark: 'bar',
        encoding: {
          color: { condition: { test: 'datum.mine', value: { expr: 'ours' } }, value: { expr: 'others' } },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 4 },
        encoding: { text: { field: 'read', type: 'quantitative', format: ',.1f' } },
      },
    ],
  };
}

const makers = {
  throughput: ['connections', throughput],
  cpu: ['connections', cpu],
  latency: ['connections', latency],
  balance: ['quality', balance],
  movement: ['quality', movement],
  sessions: ['sessions', sessionReads],
};

/** @returns {{ name: string, stamp: { at: string, commit: string }, specification: object }[]} the plots of every part that has results */
export function plots() {
  return Object.entries(makers).flatMap(([name, [part, make]]) => {
    const result = committed(part);
    return result ? [{ name, stamp: result.stamp, specification: make(result.results) }] : [];
  });
}

/** The first line of a plot's file. A test compares it with the results. */
export function drawnFrom({ at, commit }) {
  return `<!-- drawn from the results of ${at}, commit ${commit} -->`;
}
