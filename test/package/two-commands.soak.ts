import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask } from '../processes/clients.ts';
import { npm, root } from './project.ts';

/** A clone of the project, with an empty home directory. */
let folder: string;
let env: Record<string, string>;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'limpet-clone-'));
  const home = `${folder}-home`;
  mkdirSync(home);
  env = {
    HOME: home,
    NPM_CONFIG_USERCONFIG: join(homedir(), '.npmrc'),
    NPM_CONFIG_CACHE: join(homedir(), '.npm'),
  };
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
  });
  for (const file of String(files).split('\0').filter(Boolean)) {
    if (existsSync(join(root, file))) cpSync(join(root, file), join(folder, file));
  }
});
afterAll(() => {
  for (const place of [folder, `${folder}-home`]) rmSync(place, { recursive: true, force: true });
});

test('npm install builds the addon and dist/', () => {
  const { status, output } = npm(folder, ['install', '--no-audit', '--no-fund', '--foreground-scripts'], env);
  expect(status, output).toBe(0);
  for (const built of ['build/Release/limpet.node', 'dist/index.js'])
    expect(existsSync(join(folder, built))).toBe(true);
});

test('npm start serves at the address that it prints', async () => {
  const example = spawn('npm', ['start', '--silent'], {
    cwd: folder,
    env: { ...process.env, ...env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const ended = once(example, 'exit');
  const [line] = await once(example.stdout, 'data');
  const port = Number(/http:\S+:(\d+)/.exec(String(line))?.[1]);
  expect((await ask(port, '127.0.0.1')).body).toContain('<title>limpet</title>');
  process.kill(-(example.pid ?? 0), 'SIGTERM');
  await ended;
});

test('npm test passes (only the parts that do not run this test)', () => {
  const { status, output } = npm(
    folder,
    ['test', '--', 'test/ring', 'test/floors', 'test/integration/http.test.ts'],
    env,
  );
  expect(status, output).toBe(0);
});
