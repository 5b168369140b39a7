import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ringLines } from '../../src/cli/commands/ring.ts';
import { statusLines } from '../../src/cli/commands/status.ts';
import { exitCodes, exitMeanings } from '../../src/cli/exit-codes.ts';
import { duration, styled, table } from '../../src/cli/terminal.ts';
import { ringOffline } from '../../src/cluster/primary/offline.ts';
import type { RouterStatus } from '../../src/cluster/primary/status.ts';
import { Home } from './limpet.ts';

const terminal = (hasColors: boolean) => ({ isTTY: true, hasColors: () => hasColors }) as NodeJS.WriteStream;
const pipe = { isTTY: false } as NodeJS.WriteStream;

describe('the output for people', () => {
  it('has colours only on a terminal with colours', () => {
    expect(styled('red', 'x', terminal(true))).toBe('\x1b[31mx\x1b[39m');
    expect([styled('red', 'x', terminal(false)), styled('red', 'x', pipe)]).toEqual(['x', 'x']);
  });

  it('leaves out columns of a table that does not fit, those with the highest number first', () => {
    const columns = [
      { head: 'slot', cells: ['0', '10'] },
      { head: 'lag', cells: ['1 ms', '20 ms'], spare: 2 },
      { head: 'open', cells: ['7', '8'], spare: 1 },
    ];
    expect(table(columns, 80)).toEqual(['slot    lag  open', '   0   1 ms     7', '  10  20 ms     8']);
    expect(table(columns, 12)).toEqual(['slot  open', '   0     7', '  10     8']);
    expect(table(columns, 3)).toEqual(['slot', '   0', '  10']);
  });

  it.each([20, 40, 80, 200])('fits a status and a ring into %d columns', (columns) => {
    const slot = {
      slot: 0,
      pid: 4_194_303,
      state: 'ready',
      since: 1,
      leaving: [],
      refused: {},
      share: 1,
      realShare: 1,
    };
    const now = {
      name: 'a-rather-long-name-of-some-application',
      state: 'serving',
      uptimeMs: 1e9,
      affinity: 'cookie, forwarded, header x-user, address',
      listeners: [
        {
          address: { path: '/run/some/where/far/away/app.sock' },
          handoff: { name: 'fd', reason: 'x'.repeat(99) },
        },
      ],
      unplaced: { 'head too long': 3 },
      slots: [{ ...slot, lagMs: 3, rssBytes: 1e8, open: 5, accepted: 6, restarts: 0, lost: 0 }],
    } as unknown as RouterStatus;
    const ring = ringOffline({ workers: 3, buckets: 64 });
    for (const line of [...statusLines(now, columns), ...ringLines(ring, columns)]) {
      // The narrowest table has the columns slot, process and state.
      expect(line.length).toBeLessThanOrEqual(Math.max(columns, 36));
    }
  });

  it('shows a duration in its two largest units', () => {
    expect([0, 59_000, 3_600_000, 90_061_000].map(duration)).toEqual(['0 s', '59 s', '1 h', '1 d 1 h']);
  });
});

describe('limpet ring', () => {
  it('draws one character for each bucket, and names the slots that are down', () => {
    const ring = ringOffline({ workers: 2, buckets: 64 });
    const lines = ringLines({ ...ring, owners: ring.homes.map(() => 0), down: [1] }, 80);
    expect(lines[0]).toBe('64 buckets, 2 slots, down: 1');
    expect(lines[3]).toMatch(/^ {3}1 .* 32 {4}down/);
    expect(lines.at(-1)).toBe('0'.repeat(64));
  });
});

describe('exit codes', () => {
  it('have the same meaning in --help and in docs/cli.md', () => {
    const home = new Home();
    const { code, out } = home.limpet(['--help']);
    home.leave();
    const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
    expect(code).toBe(0);
    for (const [name, number] of Object.entries(exitCodes)) {
      const meaning = exitMeanings[name as keyof typeof exitCodes];
      expect(out).toContain(`  ${number}  ${meaning}`);
      expect(page).toContain(`| ${number} | ${meaning} |`);
    }
  });
});
