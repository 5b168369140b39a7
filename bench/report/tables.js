import { spreadMax } from '../rounds.js';
import { goals, judge } from './goals.js';

/** The results as Markdown tables. Every function returns text without a line break at its end. */

const whole = (value) => Math.round(value).toLocaleString('en');
const fixed = (digits) => (value) => value.toFixed(digits);
const percent = (value) => `${(value * 100).toFixed(value < 0.1 && value > 0 ? 2 : 0)} %`;
const milliseconds = (microseconds) => {
  const value = microseconds / 1000;
  return value < 10 ? value.toFixed(2) : value.toFixed(0);
};

export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** One line with the machine, the versions, the date and the commit. */
export function machine({
  at,
  commit,
  cpu,
  cores,
  kernel,
  node,
  rounds,
  workers,
  busyBefore,
  nginx,
  haproxy,
}) {
  const proxies = [nginx && `nginx ${nginx}`, haproxy && `HAProxy ${haproxy}`].filter(Boolean).join(', ');
  return (
    `${cores} cores of ${cpu}, Linux ${kernel}, Node ${node.slice(1)}${proxies && `, ${proxies}`}; ${workers} workers, medians of ` +
    `${rounds} interleaved rounds, ${at.slice(0, 10)}, commit ${commit}` +
    `${busyBefore > 0.05 ? `; ${percent(busyBefore)} of the CPU was busy with other work` : ''}.`
  );
}

/** The table of one workload, with all subjects. */
export function workload({ operation, held, subjects }) {
  const columns = [
    [`${operation} a second`, ({ perSecond }, spread) => whole(perSecond) + widely(spread.perSecond)],
    ['router CPU', ({ routerCpu }) => fixed(3)(routerCpu)],
    ['worker CPU', ({ workersCpu }) => fixed(3)(workersCpu)],
    ['p50 ms', ({ p50 }) => milliseconds(p50)],
    ['p99 ms', ({ p99 }) => milliseconds(p99)],
    ['p99.9 ms', ({ p999 }) => milliseconds(p999)],
    ['moved', ({ moved }) => whole(moved)],
    ['lost', ({ failed }) => whole(failed)],
    ['router MiB', ({ routerMemory }) => whole(routerMemory)],
    ['worker MiB', ({ workersMemory }) => whole(workersMemory)],
    ...(held
      ? [['KiB each', ({ memoryGrowth, answered }) => fixed(1)((memoryGrowth * 1024) / answered)]]
      : []),
  ];
  const rows = Object.values(subjects).map(({ title, group, median, spread, missing }) => [
    group === 'limpet' ? `**${title}**` : title,
    ...(missing
      ? [`did not run: ${missing.split('\n')[0]}`, ...columns.slice(1).fill('')]
      : columns.map(([, cell]) => cell(median, spread))),
  ]);
  const shares = Object.values(subjects).flatMap(({ median }) => (median ? [median.clientShare] : []));
  const client = `The load client was busy for ${percent(Math.min(...shares))} to ${percent(Math.max(...shares))} of the time.`;
  return `${table(['', ...columns.map(([head]) => head)], rows)}\n\n${client}`;
}

/** The remark after a figure whose rounds differ too much for a conclusion. */
function widely(spread) {
  return spread > spreadMax ? ` (±${percent(spread / 2)})` : '';
}

/** The short table for the README, with three workloads. */
export function overview(results) {
  const { short, paced, alive } = results;
  const rows = Object.entries(short.subjects)
    .filter(([, { median }]) => median)
    .map(([name, { title, group, by, median }]) => [
      group === 'limpet' ? `**${title}**` : title,
      by ?? (median.moved === 0 ? 'yes' : 'no'),
      whole(median.perSecond),
      fixed(2)(median.routerCpu),
      fixed(2)(median.cpu),
      paced?.subjects[name]?.median ? milliseconds(paced.subjects[name].median.p99) : '',
      alive?.subjects[name]?.median ? whole(alive.subjects[name].median.perSecond) : '',
    ]);
  const head = [
    '',
    'sticky',
    'short connections/s',
    'CPU of the router',
    'CPU of all processes',
    'p99 ms at 2,000/s',
    'kept-alive requests/s',
  ];
  return table(head, rows);
}

export function goalTable(results) {
  const rows = goals.map((goal) => {
    const verdict = judge(goal, results);
    const bound = goal.atLeast === undefined ? `at most ${goal.atMost}` : `at least ${goal.atLeast}`;
    if (!verdict) return [goal.text, bound, '', 'not measured'];
    const { median, low, high, reached } = verdict;
    const digits = median < 0.1 ? 3 : 2;
    return [
      goal.text,
      bound,
      `${median.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`,
      reached ? 'reached' : '**missed**',
    ];
  });
  return table(['what', 'goal', 'median (rounds)', ''], rows);
}

export function quality({ clients, sizes }) {
  const rows = Object.entries(sizes).flatMap(([size, ways]) =>
    Object.entries(ways).map(([name, q]) => [
      name === 'limpet' ? `**limpet**, ${size} nodes` : `${name}, ${size} nodes`,
      fixed(3)(q.peak),
      `${percent(q.joinMoved)} of ${percent(q.joinLeast)}`,
      `${percent(q.leaveMoved)} of ${percent(q.leaveLeast)}`,
      percent(q.deathOthers),
      fixed(3)(q.deathPeak),
      percent(q.returnMoved),
    ]),
  );
  const head = [
    '',
    'peak',
    'join moves',
    'leave moves',
    'death moves of the others',
    'peak after a death',
    'moved after the return',
  ];
  return `${whole(clients)} clients. A peak is the clients of the fullest node, divided by the mean. "x of y" is the share that moved, and the least share that has to move.\n\n${table(head, rows)}`;
}

export function proof({ subjects, workers, rate, clients, kills, killEveryMs }) {
  const rows = Object.values(subjects).map(({ title, group, rounds, missing }) => {
    if (missing) return [title, `did not run: ${missing.split('\n')[0]}`, '', '', '', ''];
    const sum = (member) => rounds.reduce((total, round) => total + round[member], 0);
    return [
      group === 'limpet' ? `**${title}**` : title,
      whole(sum('answered')),
      whole(sum('failed')),
      `${whole(sum('othersMoved'))} of ${whole(sum('others'))}`,
      `${whole(sum('ownScattered'))} of ${whole(sum('own'))}`,
      whole(Math.max(...rounds.map(({ longestMs }) => longestMs))),
    ];
  });
  const head = [
    '',
    'answered',
    'lost',
    'clients of living workers moved',
    'clients of killed workers scattered',
    'longest wait ms',
  ];
  return (
    `${workers} workers, ${whole(rate)} connections a second from ${clients} clients; ${kills} workers killed with SIGKILL, one every ` +
    `${killEveryMs / 1000} s.\n\n${table(head, rows)}`
  );
}

export function scale(results) {
  return Object.values(results)
    .map(({ title, slots, clients, held, model }) =>
      [
        `### ${title}`,
        table(
          [
            'slots (uWS workers)',
            'connections a second',
            'CPU s per 10,000',
            'of this, the router',
            'router MiB',
            'moved',
          ],
          slots.map((row) => [
            whole(row.slots),
            whole(row.perSecond),
            fixed(3)(row.cpu),
            fixed(3)(row.routerCpu),
            fixed(1)(row.routerMemory),
            whole(row.moved),
          ]),
        ),
        `Fitted: ${model.cpu.at0.toFixed(1)} µs of CPU a connection, and ${model.cpu.perUnit.toFixed(3)} µs for each slot (r² ${model.cpu.fit.toFixed(2)}).`,
        table(
          ['distinct clients', 'CPU s per 10,000', 'router MiB', 'growth in MiB', 'moved', 'failed'],
          clients.map((row) => [
            whole(row.clients),
            fixed(3)(row.cpu),
            fixed(1)(row.routerMemory),
            fixed(1)(row.routerGrowth),
            whole(row.moved),
            whole(row.failed),
          ]),
        ),
        table(
          ['connections held', 'growth of all processes, MiB', 'of this, the router', 'failed'],
          held.map((row) => [
            whole(row.connections),
            fixed(1)(row.memory),
            fixed(1)(row.routerGrowth),
            whole(row.failed),
          ]),
        ),
        `Fitted: ${model.held.perUnit.toFixed(1)} KiB a held connection (r² ${model.held.fit.toFixed(2)}). Nearly all of it belongs to Node in the worker.`,
      ].join('\n\n'),
    )
    .join('\n\n');
}

/** @param {import('../micro/measure.js').Row[]} rows */
export function micro(rows) {
  const one = ({ task, subject, ns, spread }) => [
    task,
    subject.startsWith('limpet') ? `**${subject}**` : subject === 'twin' ? 'TypeScript' : subject,
    ns.toFixed(ns < 100 ? 2 : 0) + widely(spread),
    (1000 / ns).toFixed(ns < 10 ? 0 : 2),
  ];
  return table(['what', '', 'ns each', 'million a second'], rows.map(one));
}

export function sessions({ bare, express }) {
  const name = (text) => (text.startsWith('limpet') ? `**${text}**` : text);
  const digits = (value) => (value === undefined ? '' : value.toFixed(1));
  return [
    table(
      ['store', 'read µs', 'write µs'],
      bare.map((row) => [name(row.name), digits(row.read), digits(row.write)]),
    ),
    table(
      ['Express with a session', 'at once', 'requests a second'],
      express.map((row) => [name(row.name), whole(row.atOnce), whole(row.perSecond)]),
    ),
  ].join('\n\n');
}
