import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { pathOf } from '../../scripts/test-tools.js';
import { childrenOf } from '../processes/descriptors.ts';
import { type Service, startService } from './service.ts';

export type ProxyName = 'nginx' | 'haproxy';

export interface RunningProxy extends Service {
  /** Reloads the running proxy with another configuration. Resolves when a new process serves with it. */
  readonly reconfigure: (text: string) => Promise<void>;
}

/** Starts a proxy with this configuration. Its other files (pid, temporary files) are in the test's own directory. */
export async function startProxy(name: ProxyName, port: number, text: string): Promise<RunningProxy> {
  let file = '';
  const service = await startService({
    command: name,
    port,
    args: (_port, directory) => {
      file = join(directory, `${name}.conf`);
      writeFileSync(file, withPaths(name, directory, text));
      checkProxy(name, file, directory);
      return name === 'nginx'
        ? ['-g', `daemon off; ${inDirectory(directory)}`, '-c', file]
        : ['-W', '-f', file];
    },
  });
  const terminate = async () => {
    const { process: child } = service;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    // SIGTERM, not SIGKILL: nginx's workers outlive a master that is killed.
    child.kill('SIGTERM');
    await ended;
  };
  return {
    ...service,
    reconfigure: async (changed) => {
      writeFileSync(file, withPaths(name, service.directory, changed));
      checkProxy(name, file, service.directory);
      const before = childrenOf(service.process.pid as number);
      service.signal(name === 'nginx' ? 'SIGHUP' : 'SIGUSR2');
      const isNew = (pid: number) => !before.includes(pid);
      while (!childrenOf(service.process.pid as number).some(isNew)) await wait(20);
    },
    stop: async () => {
      await terminate();
      await service.stop();
    },
  };
}

/** Throws with the proxy's own message if the proxy refuses the configuration. */
function checkProxy(name: ProxyName, file: string, directory: string): void {
  const args =
    name === 'nginx' ? ['-t', '-q', '-g', inDirectory(directory), '-c', file] : ['-c', '-q', '-f', file];
  execFileSync(pathOf(name) as string, args, { stdio: 'pipe' });
}

const inDirectory = (directory: string): string => `pid ${directory}/pid; error_log stderr crit;`;

/** Returns nginx's configuration with its temporary files in `directory`. */
function withPaths(name: ProxyName, directory: string, text: string): string {
  if (name === 'haproxy') return text;
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  for (const folder of folders) mkdirSync(join(directory, folder), { recursive: true, mode: 0o777 });
  const paths = folders.map((folder) => `${folder}_temp_path ${directory}/${folder};`).join(' ');
  return text.replace('\nhttp {\n', `\nhttp {\n    access_log off; ${paths}\n`);
}
