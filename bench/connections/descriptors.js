import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** 20,000 connections, each twice in a proxy, and room to spare. */
const wanted = 131_072;
const raised = ['prlimit', `--nofile=${wanted}`];
const mayRaise = spawnSync(raised[0], [...raised.slice(1), 'true']).status === 0;

/**
 * The command with enough descriptors for every workload, where this user may give them.
 * @param {string[]} command
 * @returns {string[]}
 */
export function withDescriptors(command) {
  return mayRaise ? [...raised, ...command] : command;
}

/** How many connections can be held with what descriptors there are, where the fullest process needs `each` for one: a proxy two. */
export function holdable(each = 2) {
  const limit = mayRaise
    ? wanted
    : Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))[1]);
  return Math.floor((limit - 1000) / each);
}
