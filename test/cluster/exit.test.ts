import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, it, type TestContext } from 'vitest';
import { handoffs } from '../integration/served.ts';
import { startApp } from '../processes/app.ts';
import { ask } from '../processes/clients.ts';
import { childrenOf, runs } from '../processes/descriptors.ts';

async function start(
  context: TestContext,
  file: string,
  options: object,
  more: { where?: object; args?: string[] } = {},
) {
  const app = startApp(`apps/servers/${file}`, {
    args: more.args ?? [],
    env: {
      LIMPET_TEST_OPTIONS: JSON.stringify({ workers: 2, ...options }),
      ...(more.where ? { LIMPET_TEST_WHERE: JSON.stringify(more.where) } : {}),
    },
  });
  context.onTestFinished(async () => void (await app.stop()));
  const { port } = (await app.hears('listening')) as unknown as { port: number };
  return { app, port };
}

describe.concurrent.each(['SIGINT', 'SIGTERM'] as const)('%s', (signal) => {
  it('makes the router drain, and a second one ends everything at once', async (context) => {
    const { expect } = context;
    const { app, port } = await start(context, 'http.js', { drainTimeoutMs: 60_000 });
    for (const slot of [0, 1]) await app.hears('ready', (told) => told.slot === slot);
    const workers = childrenOf(app.pid);
    const slow = ask(port, '127.0.0.1', { path: '/slow?ms=60000', timeoutMs: 60_000 }).catch(() => 'cut');
    await ask(port, '127.0.0.1');
    app.kill(signal);
    await app.hears('drain');
    app.kill(signal);
    expect(await app.ended).toEqual({ code: signal === 'SIGINT' ? 130 : 143, signal: null });
    expect(await slow).toBe('cut');
    await expect.poll(() => workers.filter(runs), { timeout: 10_000 }).toEqual([]);
  });
});

describe.concurrent.each(handoffs)('by %s', (handoff) => {
  it('the workers of a killed primary finish their requests and exit, and a new start gets the port at once', async (context) => {
    const { expect } = context;
    const { app, port } = await start(context, 'http.js', { handoff, drainTimeoutMs: 20_000 });
    for (const slot of [0, 1]) await app.hears('ready', (told) => told.slot === slot);
    const workers = childrenOf(app.pid);
    const slow = ask(port, '127.0.0.1', { path: '/slow?ms=1500' });
    await ask(port, '127.0.0.1');
    app.kill('SIGKILL');
    const again = await start(context, 'http.js', { handoff }, { where: { port, host: '127.0.0.1' } });
    const { pid } = JSON.parse((await ask(again.port, '127.0.0.1')).body);
    expect(workers).not.toContain(pid);
    const answer = await slow;
    expect(answer.status).toBe(200);
    expect(workers).toContain(JSON.parse(answer.body).pid);
    await expect.poll(() => workers.filter(runs), { timeout: 10_000 }).toEqual([]);
  });

  it('children that outlive the workers and the primary hold no descriptor of limpet, and leave the port free', async (context) => {
    const { expect } = context;
    const early = fileURLToPath(new URL('../fixtures/apps/servers/early-child.cjs', import.meta.url));
    const { app, port } = await start(context, 'children.js', { handoff, execArgv: ['--require', early] });
    await ask(port, '127.0.0.1', { path: '/child' });
    for (const [when, of] of [
      ['early', 'worker'],
      ['late', 'worker'],
      ['late', 'primary'],
    ])
      await app.hears('child', (told) => told.when === when && told.of === of);
    const children = app.told.filter(({ event }) => event === 'child');
    try {
      const bare = spawn('sleep', ['60'], { stdio: 'ignore' });
      await once(bare, 'spawn');
      const without = descriptorsOf(bare.pid as number);
      bare.kill();
      for (const { pid, when } of children) {
        // A worker's inherited descriptors become close-on-exec when limpet is loaded. A child that was started earlier has them.
        if (when === 'late') expect(descriptorsOf(pid as number)).toEqual(without);
      }
      await app.stop();
      expect(children.every(({ pid }) => runs(pid as number))).toBe(true);
      const next = createServer().listen(port, '127.0.0.1');
      await once(next, 'listening');
      next.close();
    } finally {
      for (const { pid } of children) process.kill(pid as number, 'SIGKILL');
    }
  });
});

/** The targets of a process's open descriptors, without the files that every program loads at its start. */
function descriptorsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const what = readlinkSync(`/proc/${pid}/fd/${fd}`);
      return /^\/(etc|lib|usr)/.test(what) ? [] : [what];
    } catch {
      return [];
    }
  });
}
