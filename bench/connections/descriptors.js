import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Enough for 20,000 connections, with two descriptors each in a proxy. */
const wanted = 131_072;
const raised = ['prlimit', `--nofile=${wanted}`];
const mayRaise = spawnSync(raised[0], [...raised.slice(1), 'true']).status === 0;

/**
 * Adds a limit of descriptors that is enough for every workload, if this user may raise it.
 * @param {string[]} command
 * @returns {string[]}
 */
export function withDescriptors(command) {
  return mayRaise ? [...raised, ...command] : command;
}

/** How many connections one process can hold, if each needs `each` descriptors. A proxy needs two. */
export function holdable(each = 2) {
  const limit = mayRaise
    ? wanted
    : Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))[1]);
  return Math.floor((limit - 1000) / each);
}
