import cluster, { type Worker } from 'node:cluster';
import type { Readable } from 'node:stream';
import type { Router } from '../../cluster/primary/router.js';
import type { Log } from './log.js';

/** A longer line is passed on in pieces, so that it cannot fill the memory. */
const lineLengthMax = 65_536;

/** Passes the output of all workers to the log, line by line. Call it before the router starts. */
export function passWorkerOutput(router: Router, log: Log): void {
  cluster.setupPrimary({ stdio: ['ignore', 'pipe', 'pipe', 'ipc'] as unknown as undefined });
  const slots = new Map<number | undefined, number>();
  router.on('starting', (slot, pid) => slots.set(pid, slot));
  cluster.on('fork', (worker: Worker) => {
    const { pid, stdout, stderr } = worker.process;
    // The router emits 'starting' during the fork. cluster emits 'fork' one tick later.
    const slot = slots.get(pid) ?? 0;
    slots.delete(pid);
    if (stdout) eachLine(stdout, (line) => log.passOn('stdout', line, slot, pid));
    if (stderr) eachLine(stderr, (line) => log.passOn('stderr', line, slot, pid));
  });
}

function eachLine(stream: Readable, pass: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) pass(line.replace(/\r$/, ''));
    if (rest.length <= lineLengthMax) return;
    pass(rest);
    rest = '';
  });
  stream.on('end', () => {
    if (rest !== '') pass(rest);
  });
}
