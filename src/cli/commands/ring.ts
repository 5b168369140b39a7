import { Command } from 'commander';
import type { RingStatus } from '../../cluster/primary/status.js';
import { effectiveSettings, routerOptionsOf, withSettings } from '../effective-settings.js';
import { withRouter } from '../running-router.js';
import { percent, type Style, styled, table, width } from '../terminal.js';

interface RingFlags extends Record<string, unknown> {
  readonly name?: string;
  readonly json?: boolean;
}

export const ring: Command = withSettings(
  new Command('ring').description(
    'Draws the ring: the share of each slot, and the slot of every bucket. Asks the running router. ' +
      'With --workers or --buckets, it draws the ring that a router with these options would have.',
  ),
)
  .option('--json', 'print JSON, as router.ring() returns it')
  .action(async (flags: RingFlags) => {
    const known = flags.workers !== undefined || flags.buckets !== undefined;
    const found = (await (known
      ? offline(flags)
      : withRouter(flags, (router) => router.ask('ring')))) as RingStatus;
    process.stdout.write(
      flags.json ? `${JSON.stringify(found)}\n` : `${ringLines(found, width()).join('\n')}\n`,
    );
  });

async function offline(flags: RingFlags): Promise<RingStatus> {
  const { ringOffline } = await import('../../cluster/primary/offline.js');
  return ringOffline(routerOptionsOf(await effectiveSettings({ flags })));
}

const marks = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const tints: readonly Style[] = ['green', 'yellow', 'blue', 'magenta', 'cyan', 'red'];
const barMax = 40;
/** The buckets of a larger ring are not drawn. Only its shares are. */
const drawnBucketsMax = 4096;

/** Draws a bar for each slot, then one character for each bucket. A line has 64 buckets, or the largest power of two that fits. */
export function ringLines({ slots, homes, owners, down }: RingStatus, columns: number): string[] {
  const numbers = Array.from({ length: slots }, (_, slot) => slot);
  const countIn = (buckets: readonly number[]) =>
    numbers.map((slot) => buckets.filter((each) => each === slot).length);
  const [own, now] = [countIn(homes), countIn(owners)];
  const most = Math.max(...now, 1);
  const bar = Math.max(4, Math.min(barMax, columns - 45));
  const cells = (cell: (slot: number) => string | number) => numbers.map((slot) => String(cell(slot)));
  const [head = '', ...rows] = table(
    [
      { head: 'slot', cells: cells((slot) => slot) },
      { head: 'mark', cells: cells(markOf) },
      { head: 'home of', cells: cells((slot) => own[slot] ?? 0) },
      { head: 'serves', cells: cells((slot) => (down.includes(slot) ? 'down' : (now[slot] ?? 0))) },
      { head: 'share', cells: cells((slot) => percent((now[slot] ?? 0) / homes.length)) },
      {
        head: '',
        align: 'left',
        cells: cells((slot) => '█'.repeat(Math.round(((now[slot] ?? 0) / most) * bar))),
        spare: 1,
      },
    ],
    columns,
  );
  return [
    `${homes.length} buckets, ${slots} ${slots === 1 ? 'slot' : 'slots'}${down.length > 0 ? `, down: ${down.join(', ')}` : ''}`,
    styled('dim', head),
    ...rows.map((row, slot) => styled(tintOf(slot), row)),
    ...(homes.length > drawnBucketsMax ? [] : ['', ...bucketLines(owners, columns)]),
  ];
}

function bucketLines(owners: readonly number[], columns: number): string[] {
  let across = 64;
  while (across > columns && across > 8) across /= 2;
  return Array.from({ length: owners.length / across }, (_, line) =>
    owners
      .slice(line * across, (line + 1) * across)
      .map((slot) => (slot < 0 ? '.' : styled(tintOf(slot), markOf(slot))))
      .join(''),
  );
}

/** From slot 62 on, the marks repeat. Colours and shares still distinguish the slots. */
function markOf(slot: number): string {
  return marks[slot % marks.length] as string;
}

function tintOf(slot: number): Style {
  return tints[slot % tints.length] as Style;
}
