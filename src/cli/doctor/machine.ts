/** What of the machine limits a server, with what to do: for the doctor. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** One thing that the doctor looked at. */
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
  /** `worse`: limpet works without it, but not as well. `broken`: it does not work. */
  readonly verdict: 'good' | 'worse' | 'broken';
  readonly says: string;
  /** What to do, where something can be done. */
  readonly advice?: string;
}

/** Connections beyond this want more than most systems allow a process by default. */
const descriptorsWanted = 16_384;
const backlogWanted = 4096;
/** What 1,024 buckets of 256 slots need of net.core.optmem_max. */
const optmemWanted = 20_480;

export function examineDescriptors(): Finding {
  const about = 'ulimit -n';
  // Node has raised its limit as far as it may; a shell that it starts has, and tells, the same.
  const run = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' });
  const most = Number.parseInt(run.stdout ?? '', 10);
  if (Number.isNaN(most)) return { about, verdict: 'good', says: 'this system has no such limit' };
  const says = `a process may have ${most} descriptors open, one for each connection`;
  if (most >= descriptorsWanted) return { about, verdict: 'good', says };
  const advice =
    'raise it before the start: "ulimit -n 65536" as root, LimitNOFILE= in a systemd unit, --ulimit nofile= of a container';
  return { about, verdict: 'worse', says, advice };
}

export function examineBacklog(): Finding[] {
  const most = numberIn('/proc/sys/net/core/somaxconn');
  if (most === undefined) return [];
  const about = 'somaxconn';
  const says = `${most} connections may wait for each listening socket`;
  if (most >= backlogWanted) return [{ about, verdict: 'good', says }];
  const advice = `limpet asks for ${backlogWanted}: "sysctl -w net.core.somaxconn=${backlogWanted}", and the same in /etc/sysctl.d`;
  return [{ about, verdict: 'worse', says, advice }];
}

export function examineOptmem(): Finding[] {
  const most = numberIn('/proc/sys/net/core/optmem_max');
  if (most === undefined) return [];
  const about = 'optmem_max';
  const says = `${most} bytes for the steering program of a socket`;
  if (most >= optmemWanted) return [{ about, verdict: 'good', says }];
  const advice =
    'a ring that needs more goes by the handoff fd: "sysctl -w net.core.optmem_max=131072", or fewer buckets';
  return [{ about, verdict: 'worse', says, advice }];
}

/** Node counts the cores that it may be scheduled on, and not what a container is allowed of their time. */
export function examineCores(): Finding {
  const about = 'cores';
  const cores = availableParallelism();
  const [quota, period] = (textIn('/sys/fs/cgroup/cpu.max') ?? 'max').split(' ').map(Number);
  const allowed = quota && period ? quota / period : cores;
  const workers = Math.max(1, Math.floor(allowed));
  if (workers >= cores) return { about, verdict: 'good', says: `${cores}, and as many workers by default` };
  return {
    about,
    verdict: 'worse',
    says: `${cores}, of which this container is allowed the time of ${allowed}: workers 'max' would be ${cores}`,
    advice: `give the number: "limpet start app.js -w ${workers}", or LIMPET_WORKERS=${workers}`,
  };
}

/** As an app in this folder would find it. */
export function examineUws(): Finding {
  const about = 'uWebSockets.js';
  try {
    const load = createRequire(join(process.cwd(), 'app.js'));
    const app = (load('uWebSockets.js') as { App(): object }).App();
    if ('adoptSocket' in app)
      return { about, verdict: 'good', says: 'installed, and takes connections by descriptor' };
    return {
      about,
      verdict: 'worse',
      says: 'installed, but it has no adoptSocket(): limpet cannot feed its apps',
      advice: 'npm install uNetworking/uWebSockets.js#v20.57.0',
    };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'MODULE_NOT_FOUND')
      return { about, verdict: 'good', says: 'not installed here, and only its own apps need it' };
    const [reason = ''] = message
      .split('\n')
      .filter((line) => line.includes('Error'))
      .slice(-1);
    return {
      about,
      verdict: 'worse',
      says: `installed, and does not load: ${reason || message.split('\n')[0]}`,
      advice: 'take the version for this Node.js, or a newer system; Node servers are not concerned',
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
