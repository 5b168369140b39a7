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
  /** Sends a request on a new connection. */
  const get = async (path: string) => (await ask(port, '127.0.0.1', { path })).body;
  const visit = async (): Promise<Seen> => JSON.parse(await get('/visit'));
  const crowd = async (): Promise<Seen[]> => JSON.parse(await get('/crowd'));

  beforeAll(async () => {
    example = spawn('npm', ['start', '--silent'], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: { ...process.env, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
      // npm does not pass a signal on to its child. So the test signals the whole process group.
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

  test('serves a page that loads nothing from other hosts', async () => {
    const page = await get('/');
    expect(page).toContain('<title>limpet</title>');
    expect(page).not.toMatch(/(src|href)="https?:|url\(|@import/);
  });

  test('counts the visits of a client in one worker', async () => {
    const first = await visit();
    const second = await visit();
    expect(second).toEqual({ ...first, visits: first.visits + 1 });
  });

  test('distributes 32 clients over the slots, and serves each by the same slot again', async () => {
    const slots = (seen: Seen[]) => seen.map(({ client, slot, pid }) => ({ client, slot, pid }));
    const first = await crowd();
    expect(first.length).toBe(32);
    expect(new Set(first.map(({ slot }) => slot)).size).toBeGreaterThan(1);
    expect(slots(await crowd())).toEqual(slots(first));
  });

  test('serves a client by the same slot after its worker was killed', async () => {
    const before = await visit();
    await fetch(`http://127.0.0.1:${port}/kill`, { method: 'POST' });
    const after = await visit();
    expect({ slot: after.slot, visits: after.visits }).toEqual({ slot: before.slot, visits: 1 });
    expect(after.pid).not.toBe(before.pid);
  });
});
