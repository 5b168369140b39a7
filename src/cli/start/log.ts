import { hostname } from 'node:os';
import { styled } from '../terminal.js';

const levels = { info: 30, warn: 40, error: 50 } as const;
export type Level = keyof typeof levels;

/** Facts of a line, for programs; people get them in its text. */
export type Facts = Readonly<Record<string, unknown>>;

/** Writes one line for each thing that happens. */
export interface Log {
  say(level: Level, text: string, facts?: Facts): void;
  /** A line that a worker wrote. */
  pass(stream: 'stdout' | 'stderr', line: string, slot: number, pid: number | undefined): void;
}

const tints = { info: undefined, warn: 'yellow', error: 'red' } as const;
const slotTints = ['green', 'yellow', 'blue', 'magenta', 'cyan'] as const;

/** For people: the time and a sentence; what workers write behind the number of their slot. */
export const logForPeople: Log = {
  say(level, text) {
    const time = new Date().toTimeString().slice(0, 8);
    const tint = tints[level];
    process.stdout.write(`${styled('dim', time)}  ${tint ? styled(tint, text) : text}\n`);
  },
  pass(stream, line, slot) {
    const to = process[stream];
    const tint = slotTints[slot % slotTints.length] ?? 'green';
    to.write(`${styled(tint, `${slot} |`, to)} ${line}\n`);
  },
};

/**
 * For programs: one JSON object a line in the form of pino, so that whatever reads that reads this. A worker's line that is such
 * an object gets its slot, and is else left as it is.
 */
export function logForPrograms(name: string): Log {
  const record = (level: number, text: string, facts: Facts) =>
    `${JSON.stringify({ level, time: Date.now(), pid: process.pid, hostname: hostname(), name, msg: text, ...facts })}\n`;
  return {
    say: (level, text, facts = {}) => {
      process.stdout.write(record(levels[level], text, facts));
    },
    pass: (stream, line, slot, pid) => {
      const level = stream === 'stdout' ? levels.info : levels.error;
      const own = isObject(line)
        ? `{"slot":${slot},${line.trimStart().slice(1)}\n`
        : record(level, line, { slot, pid });
      process[stream].write(own);
    },
  };
}

/** `{}` has nothing that a comma could come before. */
function isObject(line: string): boolean {
  if (!/^\s*\{\s*"/.test(line)) return false;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
