import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { needs } from '../needs.ts';
import { App } from '../processes/app.ts';
import { ask } from '../processes/clients.ts';
import { runs } from '../processes/descriptors.ts';

const project = fileURLToPath(new URL('../../', import.meta.url));
const folder = join(project, 'examples/systemd');

/** The settings of a unit file. The last value of each counts. */
function settingsOf(file: string): Map<string, string> {
  const text = readFileSync(join(folder, file), 'utf8');
  return new Map(
    [...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value] as [string, string]),
  );
}

if (needs('python3')) {
  test('systemd: the service starts, reloads and stops as its unit says', async () => {
    const unit = settingsOf('shop.service');
    const runtime = mkdtempSync(join(tmpdir(), 'limpet-unit-'));
    const [program = '', ...args] = (unit.get('ExecStart') ?? '').split(' ');
    expect(program).toBe(`${unit.get('WorkingDirectory')}/node_modules/.bin/limpet`);
    const environment = (unit.get('Environment') ?? '').replace('%t', runtime).split(' ');
    const manager = new App(
      spawn(
        'python3',
        [
          join(project, 'test/fixtures/service-manager.py'),
          runtime,
          process.execPath,
          join(project, 'dist/cli/limpet.js'),
          ...args,
        ],
        {
          cwd: folder,
          env: { ...process.env, ...Object.fromEntries(environment.map((each) => each.split('='))) },
          stdio: ['pipe', 'pipe', 'pipe'],
        },
      ),
    );
    let primary = 0;
    onTestFinished(async () => {
      const notifier = (manager.told.find(({ event }) => event === 'notify')?.pid ?? 0) as number;
      if (notifier > 0 && runs(notifier)) process.kill(notifier, 'SIGKILL');
      await manager.stop();
      rmSync(runtime, { recursive: true, force: true });
    });
    const notes = (pattern: RegExp, nth = 1) =>
      manager.hears('notify', ({ text }) => pattern.test(`${text}`), nth);

    const { text } = await notes(/^READY=1$/m);
    primary = Number(/^MAINPID=(\d+)$/m.exec(`${text}`)?.[1]);
    const { address } = (await manager.says(/^listening on/)) as unknown as { address: { port: number } };
    expect((await ask(address.port, '127.0.0.3')).body).toMatch(
      /^127\.0\.0\.3: process \d+ has answered 1 times$/m,
    );

    expect(unit.get('ExecReload')).toBe('/bin/kill -HUP $MAINPID');
    process.kill(primary, 'SIGHUP');
    await notes(/^RELOADING=1$/m);
    await notes(/^READY=1$/m, 2);

    process.kill(primary, 'SIGTERM');
    await notes(/^STOPPING=1$/m);
    await expect.poll(() => runs(primary), { timeout: 10_000 }).toBe(false);
  });
}
