import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Ticks per second in /proc. USER_HZ is 100 on every Linux that Node supports. */
const ticksPerSecond = 100;

/**
 * The process ids of a process group. They are the running processes of a subject.
 * @param {number} group
 * @returns {number[]}
 */
export function membersOf(group) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => Number(fieldsOf(pid)?.[2]) === group)
    .map(Number);
}

/** CPU seconds, user and system, that the processes have used since their start. An exited process counts 0. */
export function cpuSecondsOf(pids) {
  return pids.reduce((sum, pid) => {
    const fields = fieldsOf(pid);
    return fields ? sum + (Number(fields[11]) + Number(fields[12])) / ticksPerSecond : sum;
  }, 0);
}

/** Proportional set size of the processes in MiB. Memory that processes share is counted once. */
export function memoryOf(pids) {
  return pids.reduce((sum, pid) => {
    const kib = /^Pss:\s+(\d+)/m.exec(readOf(pid, 'smaps_rollup') ?? '')?.[1];
    return sum + Number(kib ?? 0) / 1024;
  }, 0);
}

/** CPU seconds in which the whole machine was busy, or in which its host did not let it run (steal). */
export function busySeconds() {
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}

/**
 * Gives the session of a process priority over all others, so that other work disturbs it less. Has no effect if the kernel has no
 * autogroups, or if this user may not change them.
 */
export function prefer(pid) {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, '-20');
  } catch {}
}

/** The fields of /proc/PID/stat after the command name: state, parent, group and so on. */
function fieldsOf(pid) {
  const text = readOf(pid, 'stat');
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function readOf(pid, name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return undefined;
  }
}
