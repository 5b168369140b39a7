import { setTimeout as wait } from 'node:timers/promises';
import { Command } from 'commander';
import type { RouterStatus, SlotStatus } from '../../cluster/primary/status.js';
import { type RouterFlags, withRouter, withRouterName } from '../running-router.js';
import { addressText, bytes, duration, percent, styled, table, width } from '../terminal.js';

interface StatusOptions extends RouterFlags {
  readonly watch?: boolean;
  readonly json?: boolean;
}

const watchMs = 1000;

export const status: Command = withRouterName(new Command('status'))
  .description(
    'Prints the state of a running router: its listeners and their handoff, its slots and their worker processes.',
  )
  .option('-w, --watch', 'print it every second, until Ctrl-C or until the router exits')
  .option('--json', 'print JSON, as router.status() returns it; with --watch one line each second')
  .action((options: StatusOptions) =>
    withRouter(options, async (router) => {
      for (let drawn = 0; ; await wait(watchMs)) {
        const now = (await router.ask('status')) as RouterStatus;
        if (options.json) process.stdout.write(`${JSON.stringify(now, null, options.watch ? 0 : 2)}\n`);
        else drawn = draw(statusLines(now), drawn);
        if (!options.watch) return;
      }
    }),
  );

/** Writes the lines. On a terminal, it replaces the `drawn` lines of the call before. Returns the number of lines. */
function draw(lines: readonly string[], drawn: number): number {
  const back = process.stdout.isTTY && drawn > 0 ? `\x1b[${drawn}A\x1b[J` : '';
  process.stdout.write(`${back}${lines.join('\n')}\n`);
  return lines.length;
}

export function statusLines(now: RouterStatus, columns: number = width()): string[] {
  const { name, state, uptimeMs, pid, affinity, listeners, slots, unplaced } = now;
  const lines = [
    `${styled('bold', name ?? 'router')}  ${state} for ${duration(uptimeMs)}, process ${pid}, affinity ${affinity}`,
    ...listeners.map(
      ({ address, handoff }) =>
        `${address ? addressText(address) : 'not bound'}  by ${handoff.name} (${handoff.reason})`,
    ),
    ...slotTable(slots, columns),
  ];
  const refused = Object.entries(unplaced).filter(([, count]) => count > 0);
  if (refused.length > 0) {
    lines.push(
      `closed before a slot was chosen: ${refused.map(([reason, n]) => `${n} ${reason}`).join(', ')}`,
    );
  }
  return lines.map((line) => cut(line, columns));
}

function slotTable(slots: readonly SlotStatus[], columns: number): string[] {
  const cells = (cell: (slot: SlotStatus) => string | number) => slots.map((slot) => String(cell(slot)));
  const [head = '', ...rows] = table(
    [
      { head: 'slot', cells: cells(({ slot }) => slot) },
      { head: 'process', cells: cells(({ pid }) => pid ?? '-') },
      { head: 'state', align: 'left', cells: cells(stateOf) },
      { head: 'for', cells: cells(({ since }) => (since ? duration(Date.now() - since) : '-')), spare: 3 },
      { head: 'open', cells: cells(({ open }) => open) },
      { head: 'accepted', cells: cells(({ accepted }) => accepted), spare: 1 },
      { head: 'share', cells: cells(({ share }) => percent(share)), spare: 4 },
      { head: 'real', cells: cells(({ realShare }) => percent(realShare)), spare: 5 },
      { head: 'lag', cells: cells(({ lagMs }) => `${lagMs} ms`), spare: 6 },
      { head: 'memory', cells: cells(({ rssBytes }) => bytes(rssBytes)), spare: 7 },
      { head: 'restarts', cells: cells(({ restarts }) => restarts), spare: 2 },
      { head: 'refused', cells: cells(refusedBy), spare: 8 },
      { head: 'lost', cells: cells(({ lost }) => lost), spare: 9 },
    ],
    columns,
  );
  return [styled('dim', head), ...rows.map((row, index) => tinted(row, slots[index] as SlotStatus))];
}

function stateOf({ state, stalled, down, leaving }: SlotStatus): string {
  const words = [stalled ? 'stalled' : state];
  if (down && state === 'ready') words.push('down');
  if (leaving.length > 0) words.push(`+${leaving.length} leaving`);
  return words.join(', ');
}

function tinted(row: string, { state, stalled }: SlotStatus): string {
  if (state === 'gone') return styled('red', row);
  return state === 'ready' && !stalled ? row : styled('yellow', row);
}

function refusedBy({ refused }: SlotStatus): number {
  return Object.values(refused).reduce((sum, count) => sum + count, 0);
}

/** Cuts a line at the width of the terminal. A line that wraps would break the count of lines in draw(). */
function cut(line: string, columns: number): string {
  return line.length <= columns || line.includes('\x1b') ? line : `${line.slice(0, columns - 1)}…`;
}
