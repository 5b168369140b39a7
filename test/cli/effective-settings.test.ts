import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Effective, effectiveSettings, routerOptionsOf } from '../../src/cli/effective-settings.ts';
import { flagOf, settings, variableOf } from '../../src/cli/settings.ts';
import { routerRules } from '../../src/options.ts';

let folder: string;
const before = process.cwd();
const variables = ['LIMPET_WORKERS', 'LIMPET_AFFINITY', 'LIMPET_PORT', 'LIMPET_HANDOFF', 'LIMPET_CONFIG'];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'limpet-config-'));
  process.chdir(folder);
});
afterEach(() => {
  process.chdir(before);
  for (const name of variables) delete process.env[name];
  rmSync(folder, { recursive: true });
});

async function effective(flags: object = {}, app?: string): Promise<Record<string, Effective>> {
  return Object.fromEntries(await effectiveSettings({ flags: { ...flags }, ...(app ? { app } : {}) }));
}

describe('the settings of limpet start', () => {
  it('come from flags, then the environment, then the file, then the defaults, and name their source', async () => {
    writeFileSync('limpet.config.json', '{"workers":2,"affinity":"cookie","handoff":"fd","queueMax":7}');
    process.env.LIMPET_WORKERS = '3';
    process.env.LIMPET_AFFINITY = 'header:x-user,address';
    expect(await effective({ workers: 4 })).toMatchObject({
      workers: { value: 4, from: '--workers' },
      affinity: { value: [{ header: 'x-user' }, 'address'], from: 'LIMPET_AFFINITY' },
      handoff: { value: 'fd', from: 'limpet.config.json' },
      queueMax: { value: 7, from: 'limpet.config.json' },
      buckets: { value: 1024, from: 'default' },
    });
  });

  it('can be in the module limpet.config.js, or in the file that --config names', async () => {
    writeFileSync('package.json', '{"type":"module","name":"@acme/shop"}');
    writeFileSync(
      'limpet.config.js',
      'export default { app: "server.js", args: ["--x"], env: { A: "1" }, workers: 1 + 1 };',
    );
    writeFileSync('other.json', '{"workers":9}');
    const found = await effective();
    expect(found).toMatchObject({
      app: { value: 'server.js', from: 'limpet.config.js' },
      workers: { value: 2 },
      name: { value: 'acme-shop', from: 'package.json' },
    });
    expect(routerOptionsOf(new Map(Object.entries(found)))).toMatchObject({
      args: ['--x'],
      env: { A: '1' },
      workers: 2,
      name: 'acme-shop',
    });
    expect((await effective({ config: 'other.json' })).workers).toEqual({ value: 9, from: 'other.json' });
  });

  it('include a name: that of the package, else of the file, else of its folder', async () => {
    expect((await effective({}, 'my server.mjs')).name).toEqual({ value: 'my-server', from: 'file name' });
    expect((await effective({}, 'blog/index.js')).name?.value).toBe('blog');
    expect((await effective({ name: 'x' }, 'blog/index.js')).name).toEqual({ value: 'x', from: '--name' });
  });

  const wrong: [what: string, file: string, flags: object, variables: object, message: RegExp][] = [
    [
      'a misspelled option',
      '{"worker":2}',
      {},
      {},
      /limpet\.config\.json: option worker is not known\. Did you mean workers\?/,
    ],
    [
      'a wrong value in the file',
      '{"buckets":1000}',
      {},
      {},
      /limpet\.config\.json: option buckets: got 1000, expected a power of two/,
    ],
    [
      'a wrong value of a variable',
      '{}',
      {},
      { LIMPET_WORKERS: 'many' },
      /LIMPET_WORKERS: option workers: got "many"/,
    ],
    [
      'a wrong value of a flag',
      '{}',
      { port: 65_536 },
      {},
      /--port: option port: got 65536, expected a port from 0/,
    ],
    [
      'an unknown affinity',
      '{}',
      { affinity: ['cookies'] },
      {},
      /affinity cookies is not known\. Did you mean cookie\?/,
    ],
    [
      'a file that is not JSON',
      'workers: 2',
      {},
      {},
      /limpet\.config\.json cannot be loaded: Unexpected token/,
    ],
    ['a file without an object', '[]', {}, {}, /has no options, expected an object/],
    ['a file that does not exist', '{}', { config: 'nowhere.js' }, {}, /nowhere\.js cannot be loaded/],
  ];
  it.each(wrong)(
    'reject %s with ERR_LIMPET_OPTION and its source',
    async (_what, file, flags, environment, message) => {
      writeFileSync('limpet.config.json', file);
      Object.assign(process.env, environment);
      await expect(effective(flags)).rejects.toMatchObject({
        code: 'ERR_LIMPET_OPTION',
        message: expect.stringMatching(message),
      });
    },
  );

  it('include every option of a router as a flag, except those that only a file or a program can give', () => {
    const notFlags = ['env', 'exec', 'args', 'execArgv', 'signals'];
    for (const name of Object.keys(routerRules)) {
      if (notFlags.includes(name)) continue;
      expect(settings[name]?.flag).toContain(flagOf(name));
    }
    expect([flagOf('cookieMaxAgeMs'), variableOf('ipv6Prefix')]).toEqual([
      '--cookie-max-age-ms',
      'LIMPET_IPV6_PREFIX',
    ]);
  });
});
