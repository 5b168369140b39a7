import cluster, { type Worker } from 'node:cluster';
import type { Readable } from 'node:stream';
import type { Router } from '../../cluster/primary/router.js';
import type { Log } from './log.js';

/** A line that is longer is passed on in pieces, so that it cannot fill the memory. */
const lineLengthMax = 65_536;

/** From now on what workers write comes line by line through the log. Call it before the router starts. */
export function passWorkerOutput(router: Router, log: Log): void {
  cluster.setupPrimary({ stdio: ['ignore', 'pipe', 'pipe', 'ipc'] as unknown as undefined });
  const slots = new Map<number | undefined, number>();
  router.on('starting', (slot, pid) => slots.set(pid, slot));
  cluster.on('fork', (worker: Worker) => {
    const { pid, stdout, stderr } = worker.process;
    // 'starting' is told within the fork, and cluster's own event a tick later.
    const slot = slots.get(pid) ?? 0;
    slots.delete(pid);
    if (stdout) eachLine(stdout, (line) => log.pass('stdout', line, slot, pid));
    if (stderr) eachLine(stderr, (line) => log.pass('stderr', line, slot, pid));
  });
}

function eachLine(stream: Readable, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) take(line.replace(/\r$/, ''));
    if (rest.length <= lineLengthMax) return;
    take(rest);
    rest = '';
  });
  stream.on('end', () => {
    if (rest !== '') take(rest);
  });
}
