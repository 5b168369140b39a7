import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeBinaries } from '../../nodes/index.ts';

const fixture = fileURLToPath(new URL('../../fixtures/session/sqlite.js', import.meta.url));
const node = nodeBinaries.at(-1)?.path ?? process.execPath;

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'limpet-sqlite-'));
  path = join(directory, 'sessions.sqlite');
});
afterEach(() => rmSync(directory, { recursive: true }));

type Line = Record<string, unknown>;

function start(
  action: string,
  options: object = {},
  file: string | undefined = path,
): { child: ChildProcess; lines: Promise<Line[]> } {
  const args = ['--disable-warning=ExperimentalWarning', fixture, action, ...(file ? [file] : [])];
  const child = spawn(node, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
  return { child, lines: collect(child) };
}

async function collect({ stdout }: ChildProcess): Promise<Line[]> {
  const lines: Line[] = [];
  // A process that was killed may have left half a line.
  if (stdout)
    for await (const line of createInterface({ input: stdout }))
      if (line.endsWith('}')) lines.push(JSON.parse(line));
  return lines;
}

const lastLine = async (action: string, options?: object, file?: string): Promise<Line | undefined> =>
  (await start(action, options, file).lines).at(-1);

if (nodeBinaries.length === 0) {
  test('LocalStore in sqlite', ({ skip }) =>
    skip(`npm carries no Node binaries for ${process.platform}-${process.arch}`));
} else describe('LocalStore in sqlite', storeInSqlite);

function storeInSqlite(): void {
  test('every confirmed session survives SIGKILL of all processes', async () => {
    const writers = [start('write'), start('write')];
    await Promise.all(writers.map(({ child }) => child.stdout && once(child.stdout, 'data')));
    await new Promise((resolve) => setTimeout(resolve, 200));
    for (const { child } of writers) child.kill('SIGKILL');
    const stored = (await Promise.all(writers.map(({ lines }) => lines)))
      .flat()
      .filter(({ event }) => event === 'stored');
    const sids = new Set((await lastLine('read'))?.sids as string[]);
    expect(stored.length).toBeGreaterThan(10);
    expect(stored.filter(({ sid }) => !sids.has(sid as string))).toEqual([]);
  });

  test('only this user can read the file and its directory, which is not a temporary one', async () => {
    const env = { ...process.env, XDG_STATE_HOME: join(directory, 'state') };
    const [opened] = await start('open', { env }, '').lines;
    const file = String(opened?.path);
    expect(file).toMatch(/\/state\/limpet\/limpet-[0-9a-f]{8}\/sessions\.sqlite$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700);
  });

  test('a full file refuses new sessions and keeps the stored ones', async () => {
    const line = await lastLine('fill');
    expect(line).toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: expect.stringContaining('full'),
      first: 0,
      after: 1,
    });
    expect(line?.stored).toBeGreaterThan(100);
    expect(statSync(path).size).toBeLessThanOrEqual(1024 * 1024);
  });

  test.each([
    ['damaged in the middle', () => writeFileSync(path, Buffer.alloc(6000, 'x'), { flag: 'r+' })],
    ['cut short', () => truncateSync(path, 5000)],
    ['not a database', () => writeFileSync(path, 'This is a letter, and no database at all.'.repeat(100))],
  ])('a file that is %s is an error, and stays as it is', async (_name, damage) => {
    await lastLine('fill');
    damage();
    const { size } = statSync(path);
    const line = await lastLine('open');
    expect(line).toMatchObject({ code: 'ERR_LIMPET_STORE', message: expect.stringContaining(path) });
    expect(statSync(path).size).toBe(size);
  });

  test('a file or a directory that this user cannot write is an error', async () => {
    // Root may write everything. So root starts the process as another user, for whom the file's mode 0600 is no permission.
    const isRoot = process.getuid?.() === 0;
    const asUser = isRoot ? { uid: 65_534 } : {};
    await lastLine('open');
    chmodSync(directory, 0o755);
    if (!isRoot) chmodSync(path, 0o400);
    expect(await lastLine('open', asUser)).toMatchObject({ code: 'ERR_LIMPET_STORE' });
    const readOnly = join(directory, 'read-only');
    mkdirSync(readOnly, { mode: 0o555 });
    expect(await lastLine('open', asUser, join(readOnly, 's.sqlite'))).toMatchObject({
      code: 'ERR_LIMPET_STORE',
    });
    const env = { ...process.env, XDG_STATE_HOME: readOnly };
    expect(await lastLine('open', { ...asUser, env }, '')).toMatchObject({ code: 'ERR_LIMPET_STORE' });
  });
}
