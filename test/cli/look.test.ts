import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { settings } from '../../src/cli/settings.ts';
import { Home } from './limpet.ts';

const home = new Home();
afterAll(() => home.leave());
const secret = { LIMPET_SECRET: 'a secret of many bytes' };

describe('limpet explain --offline', () => {
  it('needs the secret, and prints the slot of an address and the reason', () => {
    expect(home.limpet(['explain', '203.0.113.7', '--offline'])).toMatchObject({
      code: 2,
      err: expect.stringContaining("the router's secret"),
    });
    const { code, out } = home.limpet(['explain', '203.0.113.7', '--offline', '-w', '4'], { env: secret });
    expect(code).toBe(0);
    expect(out).toMatch(/^key {12}0000ffffcb007107$/m);
    expect(out).toMatch(/^served by {6}slot [0-3]: its home is up$/m);
  });

  it('reads a request head from a file, and applies the given rules', () => {
    const head = join(home.directory, 'head');
    writeFileSync(head, 'GET / HTTP/1.1\r\nHost: a\r\nX-User: ann\r\n\r\n');
    const args = ['explain', '--head', head, '--offline', '-w', '4', '--affinity', 'header:x-user', '--json'];
    const { out } = home.limpet(args, { env: secret });
    expect(JSON.parse(out)).toMatchObject({ rule: 'header x-user', key: 'ann', reason: 'home' });
  });

  it.each([
    [['explain'], /neither an address nor --head/],
    [['explain', '10.0.0.256', '--offline'], /no IP address/],
    [['explain', '--head', '/nowhere', '--offline'], /\/nowhere cannot be read/],
  ])('%j exits with code 2 and one line on stderr', (args, message) => {
    const { code, out, err } = home.limpet(args, { env: secret });
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(message);
    expect(err.trim().split('\n')).toHaveLength(1);
  });
});

describe('limpet demo', () => {
  it('moves no client, and exits without a signal', () => {
    const { code, out, err } = home.limpet(['demo', '--json']);
    expect([code, err]).toEqual([0, '']);
    expect(JSON.parse(out)).toMatchObject({ clients: 48, workers: 4, moved: 0, refused: 0 });
  });
});

describe('every command', () => {
  const names = [
    'start',
    'config',
    'status',
    'reload',
    'scale',
    'stop',
    'explain',
    'ring',
    'demo',
    'edge',
    'doctor',
  ];

  it.each(names)('%s describes itself and each of its flags', async (name) => {
    const { [name]: command } = (await import(`../../src/cli/commands/${name}.ts`)) as Record<
      string,
      Command
    >;
    expect(command?.description().length).toBeGreaterThan(50);
    for (const option of command?.options ?? []) expect(option.description).not.toBe('');
  });

  it('is listed by limpet --help, and start --help lists every setting', () => {
    const { out } = home.limpet(['--help']);
    for (const name of names) expect(out).toMatch(new RegExp(`^  ${name} `, 'm'));
    const { code, out: help } = home.limpet(['start', '--help']);
    expect(code).toBe(0);
    for (const { flag } of Object.values(settings)) expect(help).toContain(flag);
  });

  it('that does not exist exits with code 2 and suggests the likely spelling', () => {
    expect(home.limpet(['stauts'])).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('Did you mean status?'),
    });
  });
});
