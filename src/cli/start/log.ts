import { hostname } from 'node:os';
import { styled } from '../terminal.js';

const levels = { info: 30, warn: 40, error: 50 } as const;
export type Level = keyof typeof levels;

/** The values of a log line, for programs. The text of the line has them for people. */
export type Facts = Readonly<Record<string, unknown>>;

/** Writes one line for each event. */
export interface Log {
  write(level: Level, text: string, facts?: Facts): void;
  /** Passes on a line that a worker wrote. */
  passOn(stream: 'stdout' | 'stderr', line: string, slot: number, pid: number | undefined): void;
}

const tints = { info: undefined, warn: 'yellow', error: 'red' } as const;
const slotTints = ['green', 'yellow', 'blue', 'magenta', 'cyan'] as const;

/** The log for people: the time and a sentence. A worker's line follows the number of its slot. */
export const logForPeople: Log = {
  write(level, text) {
    const time = new Date().toTimeString().slice(0, 8);
    const tint = tints[level];
    process.stdout.write(`${styled('dim', time)}  ${tint ? styled(tint, text) : text}\n`);
  },
  passOn(stream, line, slot) {
    const to = process[stream];
    const tint = slotTints[slot % slotTints.length] ?? 'green';
    to.write(`${styled(tint, `${slot} |`, to)} ${line}\n`);
  },
};

/**
 * The log for programs: one JSON object a line, in the format of pino, which log tools can read. If a worker's line is a JSON object, it
 * gets the member `slot` and is not changed otherwise.
 */
export function logForPrograms(name: string): Log {
  const record = (level: number, text: string, facts: Facts) =>
    `${JSON.stringify({ level, time: Date.now(), pid: process.pid, hostname: hostname(), name, msg: text, ...facts })}\n`;
  return {
    write: (level, text, facts = {}) => {
      process.stdout.write(record(levels[level], text, facts));
    },
    passOn: (stream, line, slot, pid) => {
      const level = stream === 'stdout' ? levels.info : levels.error;
      const text = isObject(line)
        ? `{"slot":${slot},${line.trimStart().slice(1)}\n`
        : record(level, line, { slot, pid });
      process[stream].write(text);
    },
  };
}

/** Whether the line is a JSON object with a member. `{}` does not count, because a comma cannot follow the added member. */
function isObject(line: string): boolean {
  if (!/^\s*\{\s*"/.test(line)) return false;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
