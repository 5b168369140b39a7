import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { nodeBinaries } from '../../nodes/index.ts';
import { type App, startApp } from '../../processes/app.js';
import { addresses, ask } from '../../processes/clients.js';
import { exchange, RawConnection } from '../../processes/raw.js';

interface Visit {
  slot: number;
  pid: number;
  visits: number;
}

let app: App | undefined;
const home = mkdtempSync(join(tmpdir(), 'limpet-state-'));
afterEach(async () => {
  await app?.stop();
  app = undefined;
  rmSync(home, { recursive: true, force: true });
});

describe.each(nodeBinaries)('sessions() in an app of listen(), Node $version', ({ path }) => {
  test('every worker reads a session, also after the worker that made it was killed', async () => {
    app = startApp('apps/clients/visits.js', {
      node: path,
      env: { LIMPET_TEST_OPTIONS: '{"workers":3}', XDG_STATE_HOME: home },
    });
    const port = (await app.hears('listening')).port as number;
    await app.hears('ready', undefined, 3);
    const first = await ask(port, '127.0.0.1');
    const cookie = String(first.headers['set-cookie']).split(';')[0] as string;
    const { pid } = JSON.parse(first.body) as Visit;
    const visit = (from: string, path = '/') =>
      exchange<Visit>(port, `GET ${path} HTTP/1.1\r\nHost: a\r\nCookie: ${cookie}\r\n\r\n`, from);
    const slots = new Set<number>();
    let visits = 1;
    for (const from of addresses(20)) {
      const answer = await visit(from);
      slots.add(answer.slot);
      visits += 1;
      expect(answer.visits).toBe(visits);
    }
    expect(slots.size).toBe(3);
    process.kill(pid, 'SIGKILL');
    await app.hears('ready', undefined, 4);
    expect((await visit('127.0.0.1')).visits).toBe(visits + 1);
    await visit('127.0.0.2', '/leave');
    for (const from of addresses(6)) {
      const connection = new RawConnection(port, from);
      await connection.write(`GET / HTTP/1.1\r\nHost: a\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`);
      expect(await connection.closed).toMatch(/"visits":1\b/);
    }
  });
});
