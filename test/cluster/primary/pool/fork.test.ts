import cluster, { type ClusterSettings, type Worker } from 'node:cluster';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkWorkerFile, forkWorker } from '../../../../src/cluster/primary/pool/fork.ts';
import { checkRouterOptions, type RouterOptions } from '../../../../src/options.ts';

const child = {} as Worker;
/** The cluster settings and the environment of each fork. */
let forks: { settings: ClusterSettings; env: Record<string, string> }[] = [];
const before = cluster.settings;

beforeEach(() => {
  forks = [];
  Object.assign(cluster, { settings: {} });
  vi.spyOn(cluster, 'fork').mockImplementation((env) => {
    forks.push({ settings: { ...cluster.settings }, env: env as Record<string, string> });
    return child;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  Object.assign(cluster, { settings: before });
});

/** Forks a worker and returns what `cluster.fork()` got. */
function fork(options: RouterOptions = {}, inherit: readonly number[] = []) {
  expect(forkWorker(checkRouterOptions(options), 3, 9, inherit)).toBe(child);
  const { settings, env } = forks.at(-1) as (typeof forks)[number];
  return { settings, env, workerSettings: JSON.parse(env.LIMPET_SEAT as string) };
}

describe('the environment of a worker', () => {
  it('has its slot and its settings', () => {
    const { env, workerSettings } = fork({ drainTimeoutMs: 1234, noticeMs: 567, signals: false });
    expect(env.LIMPET_SLOT).toBe('3');
    expect(workerSettings).toEqual({
      workerIndex: 9,
      drainTimeoutMs: 1234,
      noticeMs: 567,
      beatMs: 1000,
      signals: false,
      inherited: { from: 4, count: 0 },
    });
  });

  it('has the variables of the option env, which cannot change the slot', () => {
    expect(fork({ env: { COLOUR: 'red', LIMPET_SLOT: '7' } }).env).toMatchObject({
      COLOUR: 'red',
      LIMPET_SLOT: '3',
    });
  });

  it.each([
    [0, 1000],
    [10_000, 1000],
    [5000, 1000],
    [4999, 999],
    [400, 80],
    [50, 20],
  ])('with stallTimeoutMs %i has a heartbeat every %i ms', (stallTimeoutMs, beatMs) => {
    expect(fork({ stallTimeoutMs }).workerSettings.beatMs).toBe(beatMs);
  });
});

describe('the cluster settings of a fork', () => {
  it('are those of the options', () => {
    const { settings } = fork({ exec: '/app/worker.js', args: ['--one'], execArgv: ['--no-warnings'] });
    expect(settings).toMatchObject({
      exec: '/app/worker.js',
      args: ['--one'],
      execArgv: ['--no-warnings'],
    });
  });

  it('are the app’s own without options', () => {
    cluster.setupPrimary({ exec: '/app/own.js', args: ['own'], execArgv: ['--own'] });
    const { settings } = fork();
    expect(settings).toMatchObject({ exec: '/app/own.js', args: ['own'], execArgv: ['--own'] });
    expect(settings.stdio).toBeUndefined();
  });

  it.each<[string, ClusterSettings, (string | number)[]]>([
    ['inherited streams', {}, ['inherit', 'inherit', 'inherit', 'ipc']],
    ['the app’s silent', { silent: true }, ['pipe', 'pipe', 'pipe', 'ipc']],
    ['the app’s one word for all', { stdio: 'ignore' as never }, ['ignore', 'ignore', 'ignore', 'ipc']],
    ['the app’s list', { stdio: ['pipe', 1, 'ipc'] }, ['pipe', 1, 'ipc']],
  ])('pass on descriptors after %s', (_, own, streams) => {
    cluster.setupPrimary(own);
    const { settings, workerSettings } = fork({}, [21, 22]);
    expect(settings.stdio).toEqual([...streams, 21, 22]);
    expect(workerSettings.inherited).toEqual({ from: streams.length, count: 2 });
  });

  it('are restored afterwards', () => {
    const own = { exec: '/app/own.js', args: ['own'], execArgv: ['--own'], stdio: ['pipe', 1, 2, 'ipc'] };
    cluster.setupPrimary(own as ClusterSettings);
    fork({ exec: '/app/worker.js', args: ['--one'], execArgv: ['--no-warnings'] }, [21]);
    expect(cluster.settings).toMatchObject(own);
  });

  it('are restored when the fork fails, and its error is thrown', () => {
    cluster.setupPrimary({ exec: '/app/own.js' });
    const error = new Error('spawn ENOMEM');
    vi.mocked(cluster.fork).mockImplementation(() => {
      throw error;
    });
    expect(() => fork({ exec: '/app/worker.js', args: ['--one'] }, [21])).toThrow(error);
    expect(cluster.settings).toMatchObject({ exec: '/app/own.js', args: process.argv.slice(2) });
    expect(cluster.settings.stdio).toBeUndefined();
  });

  it('have no descriptors and no arguments left if the app never set them', () => {
    fork({ args: ['--one'] }, [21]);
    expect(cluster.settings.args).toEqual(process.argv.slice(2));
    expect(cluster.settings.stdio).toBeUndefined();
  });
});

describe('the worker file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'limpet-fork-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it.each(['app', 'app.js', 'app.cjs', 'app.mjs', 'app.json', 'app.node'])(
    'may be named app if it is %s',
    (file) => {
      writeFileSync(join(folder, file), '');
      expect(() => checkWorkerFile(join(folder, 'app'))).not.toThrow();
    },
  );

  it('may be a folder', () => {
    mkdirSync(join(folder, 'app'));
    expect(() => checkWorkerFile(join(folder, 'app'))).not.toThrow();
  });

  it('may be named from the current folder', () => {
    expect(() => checkWorkerFile('package')).not.toThrow();
    expect(() => checkWorkerFile('package.yaml')).toThrow('the worker file package.yaml does not exist');
  });

  it('must exist', () => {
    const file = join(folder, 'app.ts');
    expect(() => checkWorkerFile(file)).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_WORKER_START',
        message: `the worker file ${file} does not exist. Check the option exec.`,
        facts: { exec: file },
      }),
    );
  });

  it('must be known', () => {
    expect(() => checkWorkerFile(undefined)).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_WORKER_START',
        message:
          'there is no file for the workers to run. Set the option exec to the path of the worker file.',
        facts: { exec: undefined },
      }),
    );
  });
});
