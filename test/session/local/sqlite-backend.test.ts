import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { networkFileSystem } from '../../../src/session/local/state-directory.ts';
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
  what: string,
  options: object = {},
  file: string | undefined = path,
): { child: ChildProcess; lines: Promise<Line[]> } {
  const args = ['--disable-warning=ExperimentalWarning', fixture, what, ...(file ? [file] : [])];
  const child = spawn(node, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
  return { child, lines: collect(child) };
}

async function collect({ stdout }: ChildProcess): Promise<Line[]> {
  const lines: Line[] = [];
  // A process that is killed may leave half a line.
  if (stdout)
    for await (const line of createInterface({ input: stdout }))
      if (line.endsWith('}')) lines.push(JSON.parse(line));
  return lines;
}

const last = async (what: string, options?: object, file?: string): Promise<Line | undefined> =>
  (await start(what, options, file).lines).at(-1);

describe.skipIf(nodeBinaries.length === 0)('LocalStore in sqlite', () => {
  test('every acknowledged session survives SIGKILL of all processes', async () => {
    const writers = [start('write'), start('write')];
    await Promise.all(writers.map(({ child }) => child.stdout && once(child.stdout, 'data')));
    await new Promise((resolve) => setTimeout(resolve, 200));
    for (const { child } of writers) child.kill('SIGKILL');
    const stored = (await Promise.all(writers.map(({ lines }) => lines)))
      .flat()
      .filter(({ event }) => event === 'stored');
    const sids = new Set((await last('read'))?.sids as string[]);
    expect(stored.length).toBeGreaterThan(10);
    expect(stored.filter(({ sid }) => !sids.has(sid as string))).toEqual([]);
  });

  test('the file is for this user alone, in a directory of its own, and not in a temporary one', async () => {
    const env = { ...process.env, XDG_STATE_HOME: join(directory, 'state') };
    const [opened] = await start('open', { env }, '').lines;
    const file = String(opened?.path);
    expect(file).toMatch(/\/state\/limpet\/limpet-[0-9a-f]{8}\/sessions\.sqlite$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700);
  });

  test('full: new sessions are refused, those that are there stay', async () => {
    const told = await last('fill');
    expect(told).toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: expect.stringContaining('full'),
      first: 0,
      after: 1,
    });
    expect(told?.stored).toBeGreaterThan(100);
    expect(statSync(path).size).toBeLessThanOrEqual(1024 * 1024);
  });

  test.each([
    ['damaged in the middle', () => writeFileSync(path, Buffer.alloc(6000, 'x'), { flag: 'r+' })],
    ['cut short', () => truncateSync(path, 5000)],
    ['no database', () => writeFileSync(path, 'This is a letter, and no database at all.'.repeat(100))],
  ])('a file that is %s is an error, and left as it is', async (_name, damage) => {
    await last('fill');
    damage();
    const { size } = statSync(path);
    const told = await last('open');
    expect(told).toMatchObject({ code: 'ERR_LIMPET_STORE', message: expect.stringContaining(path) });
    expect(statSync(path).size).toBe(size);
  });

  test.runIf(process.getuid?.() === 0)(
    'a file or a directory that cannot be written is an error',
    async () => {
      await last('open');
      chmodSync(directory, 0o755);
      expect(await last('open', { uid: 65_534 })).toMatchObject({ code: 'ERR_LIMPET_STORE' });
      const closed = join(directory, 'closed');
      mkdirSync(closed, { mode: 0o755 });
      expect(await last('open', { uid: 65_534 }, join(closed, 's.sqlite'))).toMatchObject({
        code: 'ERR_LIMPET_STORE',
      });
      const theirs = join(directory, 'state', 'limpet');
      mkdirSync(theirs, { recursive: true });
      chownSync(theirs, 65_534, 65_534);
      const env = { ...process.env, XDG_STATE_HOME: join(directory, 'closed') };
      expect(await last('open', { uid: 65_534, env }, '')).toMatchObject({ code: 'ERR_LIMPET_STORE' });
    },
  );
});

test('network file systems are known by their numbers', () => {
  const names = [0x6969, 0xff534d42, 0xfe534d42, 0x01021997, 0xef53].map(networkFileSystem);
  const onLinux = ['NFS', 'CIFS', 'SMB', '9P', undefined];
  expect(names).toEqual(process.platform === 'linux' ? onLinux : onLinux.map(() => undefined));
});
