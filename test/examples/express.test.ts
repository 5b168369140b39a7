import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask } from '../processes/clients.ts';

interface Seen {
  client: string;
  slot: number;
  pid: number;
  workers: number;
  visits: number;
}

describe('npm start', () => {
  let example: ChildProcess;
  let port: number;
  /** Each request comes on a connection of its own. */
  const get = async (path: string) => (await ask(port, '127.0.0.1', { path })).body;
  const visit = async (): Promise<Seen> => JSON.parse(await get('/visit'));
  const crowd = async (): Promise<Seen[]> => JSON.parse(await get('/crowd'));

  beforeAll(async () => {
    example = spawn('npm', ['start', '--silent'], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: { ...process.env, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
      // npm does not pass a signal on to what it started; a group of its own gets it whole.
      detached: true,
    });
    const [line] = await once(example.stdout ?? example, 'data');
    port = Number(/http:\S+:(\d+)/.exec(String(line))?.[1]);
  });
  afterAll(async () => {
    const ended = once(example, 'exit');
    process.kill(-(example.pid ?? 0), 'SIGTERM');
    await ended;
  });

  test('shows a page that needs nothing from elsewhere', async () => {
    const page = await get('/');
    expect(page).toContain('<title>limpet</title>');
    expect(page).not.toMatch(/(src|href)="https?:|url\(|@import/);
  });

  test('counts the visits of a client in one worker', async () => {
    const first = await visit();
    const second = await visit();
    expect(second).toEqual({ ...first, visits: first.visits + 1 });
  });

  test('spreads a crowd over the slots, and brings each of it back', async () => {
    const slots = (seen: Seen[]) => seen.map(({ client, slot, pid }) => ({ client, slot, pid }));
    const first = await crowd();
    expect(first.length).toBe(32);
    expect(new Set(first.map(({ slot }) => slot)).size).toBeGreaterThan(1);
    expect(slots(await crowd())).toEqual(slots(first));
  });

  test('brings a client whose worker is killed back to the same slot', async () => {
    const before = await visit();
    await fetch(`http://127.0.0.1:${port}/kill`, { method: 'POST' });
    const after = await visit();
    expect({ slot: after.slot, visits: after.visits }).toEqual({ slot: before.slot, visits: 1 });
    expect(after.pid).not.toBe(before.pid);
  });
});
