import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkWorkerFile } from '../../cluster/primary/pool/fork.js';
import { Router } from '../../cluster/primary/router.js';
import { handoverVariable } from '../../cluster/primary/upgrade/handover-state.js';
import { runningRouters } from '../../control/client.js';
import { nameInUse } from '../../control/server.js';
import { LimpetError } from '../../errors.js';
import { type Effective, routerOptionsOf } from '../effective-settings.js';
import { hostAndPort } from '../flag-values.js';
import { logEvents } from './event-log.js';
import { type Log, logForPeople, logForPrograms } from './log.js';
import { passWorkerOutput } from './worker-output.js';

const preload = new URL('../../preload.js', import.meta.url).href;

/**
 * Runs an app that was not written for limpet. Resolves with its router when the first worker is ready. If no worker becomes ready, it
 * ends all processes and rejects with the LimpetError that says why.
 */
export async function runApp(effective: ReadonlyMap<string, Effective>, json: boolean): Promise<Router> {
  const options = routerOptionsOf(effective);
  const app = resolve(settingOf(effective, 'app') as string);
  checkApp(app);
  const name = options.name as string;
  const [running] = await runningRouters(name);
  // In an upgrade, the old primary has the name until this process has taken over.
  const oldPrimary = process.env[handoverVariable] === undefined ? undefined : process.ppid;
  if (running && running.pid !== oldPrimary) throw nameInUse(name, running.pid);
  const log = json ? logForPrograms(name) : logForPeople;
  const router = new Router({
    ...options,
    exec: app,
    args: options.args ?? [],
    execArgv: [...process.execArgv, ...execArgvOf(effective)],
    env: { ...options.env, ...environmentOf(effective) },
  });
  passWorkerOutput(router, log);
  logEvents(router, log);
  const { workers } = router.options;
  log.write(
    'info',
    `starting ${app} on ${workers} ${workers === 1 ? 'worker' : 'workers'}, as router ${name}`,
    {
      app,
      workers,
    },
  );
  await serveMetricsAndPage(router, log, effective);
  await start(router);
  router.on('error', ({ message, code }) => log.write('error', message, { code }));
  return router;
}

/** Serves metrics and the live page, if the settings say so. Rejects with ERR_LIMPET_ADDRESS_*. */
async function serveMetricsAndPage(
  router: Router,
  log: Log,
  effective: ReadonlyMap<string, Effective>,
): Promise<void> {
  const where = hostAndPort(settingOf(effective, 'metrics'));
  if (where) {
    const { serveMetrics } = await import('../../watch/metrics.js');
    const { address, port, family } = (await serveMetrics(router, where)).address;
    const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`;
    log.write('info', `metrics at ${url}`, { metrics: url });
  }
  const port = settingOf(effective, 'ui') ?? false;
  if (port === false) return;
  const { serveUi } = await import('../../watch/ui.js');
  const ui = await serveUi(router, {
    port: port === true ? 0 : (port as number),
    used: (link) => log.write('info', `live page opened; link for another browser: ${link}`, { ui: link }),
  });
  const link = ui.link();
  log.write('info', `live page, link for one browser: ${link}`, { ui: link });
}

function checkApp(app: string): void {
  try {
    checkWorkerFile(app);
  } catch {
    throw new LimpetError(
      'ERR_LIMPET_WORKER_START',
      `the app ${app} does not exist, expected a file. Check its path.`,
      { app },
    );
  }
}

/** Starts the router. If the app exits because it cannot listen on its address, the error says so. */
async function start(router: Router): Promise<void> {
  let bindError: LimpetError | undefined;
  router.on('unbound', (error) => {
    bindError = error;
  });
  router.on('listening', () => {
    bindError = undefined;
  });
  const giveUp = () => {
    if (bindError) router.close(bindError.message);
  };
  router.on('gone', giveUp);
  try {
    await router.start();
  } catch (error) {
    await router.close();
    throw bindError ?? explained(error as LimpetError);
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

/** Node resolves the module of --import from the working directory. It takes a name for a path only if it begins with `.` or `/`. */
function importable(name: string): string {
  return !/^[./]/.test(name) && existsSync(name) ? pathToFileURL(resolve(name)).href : name;
}

function environmentOf(effective: ReadonlyMap<string, Effective>): Record<string, string> {
  const [given, host] = [settingOf(effective, 'port'), settingOf(effective, 'host')];
  const address = typeof given === 'string' ? { path: given } : { port: given };
  return {
    LIMPET_APP: JSON.stringify({ ...address, host }),
    ...(given === undefined ? {} : { PORT: String(given) }),
    // A worker writes to a pipe, so it cannot see that the output goes to a terminal with colours.
    ...(process.stdout.isTTY && process.stdout.hasColors() && !process.env.FORCE_COLOR
      ? { FORCE_COLOR: '1' }
      : {}),
  };
}

/** A better error for an app that exited with code 0 before it listened. */
function explained(error: LimpetError): LimpetError {
  if (!String(error.facts.reason).startsWith('exited with code 0')) return error;
  return new LimpetError(
    error.code,
    'the app exited without listening on a port, expected a call of listen(). Start an app that serves.',
    error.facts,
  );
}
