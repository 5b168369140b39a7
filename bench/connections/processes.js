import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Ticks of /proc times a second; USER_HZ is 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

/**
 * The process ids of a process group: everything that a subject started and that is alive.
 * @param {number} group
 * @returns {number[]}
 */
export function membersOf(group) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => Number(fieldsOf(pid)?.[2]) === group)
    .map(Number);
}

/** CPU seconds, user and system, that the processes have used since they began; a gone process counts 0. */
export function cpuSecondsOf(pids) {
  return pids.reduce((sum, pid) => {
    const fields = fieldsOf(pid);
    return fields ? sum + (Number(fields[11]) + Number(fields[12])) / ticksPerSecond : sum;
  }, 0);
}

/** Proportional set size of the processes in MiB: shared pages are counted once in all. */
export function memoryOf(pids) {
  return pids.reduce((sum, pid) => {
    const kib = /^Pss:\s+(\d+)/m.exec(readOf(pid, 'smaps_rollup') ?? '')?.[1];
    return sum + Number(kib ?? 0) / 1024;
  }, 0);
}

/** CPU seconds that the whole machine has been busy, or been kept from running by its host. */
export function busySeconds() {
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}

/**
 * Lets the session of a process go before everything else on the machine, so that a stranger's work disturbs less. Where the
 * kernel groups no sessions, or this user may not, nothing changes.
 */
export function prefer(pid) {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, '-20');
  } catch {}
}

/** The fields of /proc/PID/stat after the command name: state, parent, group, … */
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
