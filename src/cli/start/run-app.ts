import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkWorkerFile } from '../../cluster/primary/pool/fork.js';
import { Router } from '../../cluster/primary/router.js';
import { handoverVariable } from '../../cluster/primary/upgrade/handover-state.js';
import { runningRouters } from '../../control/client.js';
import { LimpetError } from '../../errors.js';
import { type Effective, routerOptionsOf } from '../effective-settings.js';
import { tellNews } from './event-log.js';
import { letWatch } from './live-page.js';
import { logForPeople, logForPrograms } from './log.js';
import { passWorkerOutput } from './worker-output.js';

const preload = new URL('../../preload.js', import.meta.url).href;

/**
 * Runs an app that was not written for limpet. Resolves with its router when the first worker serves; rejects with the
 * LimpetError that says why none does, and no process is left.
 */
export async function runApp(effective: ReadonlyMap<string, Effective>, json: boolean): Promise<Router> {
  const options = routerOptionsOf(effective);
  const app = resolve(settingOf(effective, 'app') as string);
  checkApp(app);
  const name = options.name as string;
  const [running] = await runningRouters(name);
  // The primary whose place this process is to take has the name, and leaves it.
  const predecessor = process.env[handoverVariable] === undefined ? undefined : process.ppid;
  if (running && running.pid !== predecessor) throw nameInUse(name, running.pid);
  const log = json ? logForPrograms(name) : logForPeople;
  const router = new Router({
    ...options,
    exec: app,
    args: options.args ?? [],
    execArgv: [...process.execArgv, ...execArgvOf(effective)],
    env: { ...options.env, ...environmentOf(effective) },
  });
  passWorkerOutput(router, log);
  tellNews(router, log);
  const { workers } = router.options;
  log.say('info', `${app} on ${workers} ${workers === 1 ? 'worker' : 'workers'}, named ${name}`, {
    app,
    workers,
  });
  await letWatch(router, log, effective);
  await started(router);
  router.on('error', ({ message, code }) => log.say('error', message, { code }));
  return router;
}

function checkApp(app: string): void {
  try {
    checkWorkerFile(app);
  } catch {
    throw new LimpetError('ERR_LIMPET_WORKER_START', `there is no ${app} to start. Check its path.`, { app });
  }
}

/** As start() does; where an app that could not have its address ends, that is why. */
async function started(router: Router): Promise<void> {
  let unbound: LimpetError | undefined;
  router.on('unbound', (error) => {
    unbound = error;
  });
  router.on('listening', () => {
    unbound = undefined;
  });
  const giveUp = () => {
    if (unbound) router.close(unbound.message);
  };
  router.on('gone', giveUp);
  try {
    await router.start();
  } catch (error) {
    await router.close();
    throw unbound ?? withoutListening(error as LimpetError);
  } finally {
    router.off('gone', giveUp);
  }
}

function settingOf(effective: ReadonlyMap<string, Effective>, name: string): unknown {
  return effective.get(name)?.value;
}

function execArgvOf(effective: ReadonlyMap<string, Effective>): string[] {
  const own = (settingOf(effective, 'execArgv') ?? []) as string[];
  const modules = [settingOf(effective, 'import') ?? []].flat() as string[];
  return [...own, ...['--import', preload], ...modules.flatMap((name) => ['--import', importable(name)])];
}

/** Node resolves a flag's module from the folder where it runs, and takes a path only when it begins as one. */
function importable(name: string): string {
  return !/^[./]/.test(name) && existsSync(name) ? pathToFileURL(resolve(name)).href : name;
}

function environmentOf(effective: ReadonlyMap<string, Effective>): Record<string, string> {
  const [given, host] = [settingOf(effective, 'port'), settingOf(effective, 'host')];
  const address = typeof given === 'string' ? { path: given } : { port: given };
  return {
    LIMPET_APP: JSON.stringify({ ...address, host }),
    ...(given === undefined ? {} : { PORT: String(given) }),
    // A worker writes to us, not to the terminal: it cannot see what we can.
    ...(process.stdout.isTTY && process.stdout.hasColors() && !process.env.FORCE_COLOR
      ? { FORCE_COLOR: '1' }
      : {}),
  };
}

function withoutListening(error: LimpetError): LimpetError {
  if (!String(error.facts.reason).startsWith('exited with code 0')) return error;
  return new LimpetError(
    error.code,
    'the app ended without listening on any port. Start one that serves.',
    error.facts,
  );
}

function nameInUse(name: string, pid: number): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_NAME_IN_USE',
    `a router named ${name} runs already, as process ${pid}. Give this one another --name, or end that one with "limpet stop --name ${name}".`,
    { name, pid },
  );
}
