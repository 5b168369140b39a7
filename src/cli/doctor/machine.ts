/** The checks of "limpet doctor" for limits of the machine. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** The result of one check. */
export interface Finding {
  readonly about:
    | 'Node.js'
    | 'binding'
    | 'kernel handoff'
    | 'control socket'
    | 'cores'
    | 'ulimit -n'
    | 'somaxconn'
    | 'optmem_max'
    | 'uWebSockets.js';
  /** `worse`: limpet works, but not as well as it could. `broken`: limpet does not work. */
  readonly verdict: 'good' | 'worse' | 'broken';
  readonly says: string;
  /** Advice for the user, if there is any. */
  readonly advice?: string;
}

/** Enough for most servers. Many systems allow a process less by default. */
const descriptorsWanted = 16_384;
const backlogWanted = 4096;
/** The net.core.optmem_max that the program for 1,024 buckets and 256 slots needs, in bytes. */
const optmemWanted = 20_480;

export function checkDescriptors(): Finding {
  const about = 'ulimit -n';
  // Node has already raised its limit to the maximum. A shell that it starts inherits that limit and prints it.
  const run = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' });
  const most = Number.parseInt(run.stdout ?? '', 10);
  if (Number.isNaN(most)) return { about, verdict: 'good', says: 'this system reports no limit' };
  const says = `a process may open ${most} descriptors, and needs one for each connection`;
  if (most >= descriptorsWanted) return { about, verdict: 'good', says };
  const advice =
    'raise it before the start: "ulimit -n 65536" as root, LimitNOFILE= in a systemd unit, or --ulimit nofile= for a container';
  return { about, verdict: 'worse', says, advice };
}

export function checkBacklog(): Finding[] {
  const most = numberIn('/proc/sys/net/core/somaxconn');
  if (most === undefined) return [];
  const about = 'somaxconn';
  const says = `${most} connections may wait for each listening socket`;
  if (most >= backlogWanted) return [{ about, verdict: 'good', says }];
  const advice = `limpet needs ${backlogWanted}: run "sysctl -w net.core.somaxconn=${backlogWanted}", and put the same line into /etc/sysctl.d`;
  return [{ about, verdict: 'worse', says, advice }];
}

export function checkOptmem(): Finding[] {
  const most = numberIn('/proc/sys/net/core/optmem_max');
  if (most === undefined) return [];
  const about = 'optmem_max';
  const says = `the steering program of a socket may have ${most} bytes`;
  if (most >= optmemWanted) return [{ about, verdict: 'good', says }];
  const advice =
    'a ring that needs more uses the handoff fd. Run "sysctl -w net.core.optmem_max=131072", or use fewer buckets';
  return [{ about, verdict: 'worse', says, advice }];
}

/** Node counts the cores that may run the process. It does not see the CPU quota of a container. */
export function checkCores(): Finding {
  const about = 'cores';
  const cores = availableParallelism();
  const [quota, period] = (textIn('/sys/fs/cgroup/cpu.max') ?? 'max').split(' ').map(Number);
  const allowed = quota && period ? quota / period : cores;
  const workers = Math.max(1, Math.floor(allowed));
  if (workers >= cores)
    return { about, verdict: 'good', says: `${cores}, and the same number of workers by default` };
  return {
    about,
    verdict: 'worse',
    says: `${cores}, but this container has a CPU quota of ${allowed} cores; workers 'max' would start ${cores}`,
    advice: `set the number of workers: "limpet start app.js -w ${workers}", or LIMPET_WORKERS=${workers}`,
  };
}

/** Loads uWebSockets.js as an app in this folder would. */
export function checkUws(): Finding {
  const about = 'uWebSockets.js';
  try {
    const load = createRequire(join(process.cwd(), 'app.js'));
    const app = (load('uWebSockets.js') as { App(): object }).App();
    if ('adoptSocket' in app) return { about, verdict: 'good', says: 'installed, and can adopt connections' };
    return {
      about,
      verdict: 'worse',
      says: 'installed, but this version has no adoptSocket(), so limpet cannot serve its apps',
      advice: 'run "npm install uNetworking/uWebSockets.js#v20.57.0"',
    };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'MODULE_NOT_FOUND')
      return { about, verdict: 'good', says: 'not installed; only apps that use it need it' };
    const [reason = ''] = message
      .split('\n')
      .filter((line) => line.includes('Error'))
      .slice(-1);
    return {
      about,
      verdict: 'worse',
      says: `installed, but it does not load: ${reason || message.split('\n')[0]}`,
      advice: 'install the version for this Node.js, or use a newer system. Node servers work without it',
    };
  }
}

function textIn(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function numberIn(path: string): number | undefined {
  const text = textIn(path);
  return text === undefined ? undefined : Number(text);
}
