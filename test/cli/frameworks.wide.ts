import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { App } from '../processes/app.ts';
import { addresses, ask, inParallel } from '../processes/clients.ts';
import { freePort } from '../services/service.ts';
import { Home } from './limpet.ts';

/** Frameworks that are too large for the dependencies of limpet. The test installs them into a project of its own. */
const packages = [
  '@nestjs/common@11',
  '@nestjs/core@11',
  '@nestjs/platform-express@11',
  'reflect-metadata',
  'rxjs@7',
  'next@15',
  'react@19',
  'react-dom@19',
];

const fixtures = new URL('../fixtures/frameworks/', import.meta.url);
const pages: Record<string, string> = {
  'package.json': '{"name":"frameworks","private":true}',
  'pages/index.js': `export default () => 'a page';`,
  'pages/api/who.js': `
    export default (request, response) =>
      response.json({ slot: Number(process.env.LIMPET_SLOT), pid: process.pid });
  `,
};

const home = new Home();
let project: string;
let app: App | undefined;

// npm installs some hundred packages, and Next.js compiles its app.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'limpet-frameworks-'));
  for (const [name, text] of Object.entries(pages)) {
    mkdirSync(dirname(join(project, name)), { recursive: true });
    writeFileSync(join(project, name), text);
  }
  cpSync(fixtures, project, { recursive: true });
  run('npm', ['install', '--no-audit', '--no-fund', ...packages]);
  symlinkSync(fileURLToPath(new URL('../..', import.meta.url)), join(project, 'node_modules', 'limpet'));
});
afterEach(async () => {
  await app?.stop();
  app = undefined;
});
afterAll(() => {
  home.leave();
  rmSync(project, { recursive: true, force: true });
});

function run(command: string, args: string[]): void {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: project,
    encoding: 'utf8',
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' },
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`);
}

/** Runs the app on two workers. Each client must always reach the same worker, and both workers must get clients. */
async function expectServed(file: string, ...args: string[]): Promise<void> {
  app = home.start(['start', file, '-w', '2', '-p', '0', '--respawn-grace-ms', '60000', ...args], {
    cwd: project,
  });
  for (const slot of [0, 1]) await app.says(new RegExp(`^slot ${slot}: worker \\d+ is ready`));
  const { port } = (await app.says(/^listening on/)).address as { port: number };
  expect(new Set((await expectSticky(port)).map(({ slot }) => slot))).toEqual(new Set([0, 1]));
}

/** Runs a program of docs/frameworks.md that calls limpet.listen(). */
async function expectListens(file: string): Promise<void> {
  const port = await freePort();
  const place = join(project, file);
  writeFileSync(place, readFileSync(place, 'utf8').replace('3000', String(port)));
  app = new App(spawn(process.execPath, [file], { cwd: project, stdio: ['ignore', 'pipe', 'pipe'] }));
  const isUp = () => ask(port, '127.0.0.1').catch(() => undefined);
  for (let attempt = 0; attempt < 600 && !(await isUp()); attempt++) await wait(50);
  await expectSticky(port);
}

async function expectSticky(port: number): Promise<{ slot: number; pid: number }[]> {
  const who = async (from: string) =>
    JSON.parse((await ask(port, from, { path: '/api/who' })).body) as { slot: number; pid: number };
  const clients = addresses(24);
  const first = await inParallel(clients, 4, who);
  expect(await inParallel(clients, 4, who)).toEqual(first);
  return first;
}

describe('limpet start', () => {
  it('serves a NestJS app', () => expectServed('nest.js'));

  it('serves a production build of Next.js', async () => {
    run('npx', ['next', 'build']);
    await expectServed('node_modules/next/dist/bin/next', 'start');
  });
});

describe('limpet.listen', () => {
  it('serves a NestJS app', () => expectListens('nest-listen.mjs'));

  it('serves a production build of Next.js from its own server file', () => expectListens('next-listen.mjs'));
});
