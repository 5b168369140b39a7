/** Output for people: colours, tables that fit into the terminal, numbers with units. */
import type { BoundAddress } from '../connection.js';

const styles = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
} as const;
export type Style = keyof typeof styles;

/** The width of the terminal in columns; 100 if the stream is not a terminal. */
export function width(stream: NodeJS.WriteStream = process.stdout): number {
  return stream.columns || 100;
}

/** Adds a style to the text if the stream is a terminal with colours. NO_COLOR and TERM=dumb turn colours off. */
export function styled(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  const [on, off] = styles[style];
  return stream.isTTY && stream.hasColors() ? `\x1b[${on}m${text}\x1b[${off}m` : text;
}

export interface Column {
  readonly head: string;
  readonly cells: readonly string[];
  readonly align?: 'left' | 'right';
  /** If the terminal is too narrow, the column with the highest number is left out first. A column with 0 stays. */
  readonly spare?: number;
}

/** The lines of a table, the head first. Leaves out columns until the table fits into the width `columns`. */
export function table(given: readonly Column[], columns: number = width()): string[] {
  const widthOf = ({ head, cells }: Column) => Math.max(head.length, ...cells.map((cell) => cell.length));
  const shown = [...given];
  const tooWide = () => shown.reduce((sum, column) => sum + widthOf(column) + 2, -2) > columns;
  while (tooWide()) {
    const most = Math.max(...shown.map(({ spare = 0 }) => spare));
    if (most === 0) break;
    shown.splice(
      shown.findIndex(({ spare = 0 }) => spare === most),
      1,
    );
  }
  const rows = Math.max(0, ...shown.map(({ cells }) => cells.length));
  const lineOf = (cellOf: (column: Column) => string) =>
    shown
      .map((column) => {
        const cell = cellOf(column);
        return column.align === 'left' ? cell.padEnd(widthOf(column)) : cell.padStart(widthOf(column));
      })
      .join('  ')
      .trimEnd();
  return [
    lineOf(({ head }) => head),
    ...Array.from({ length: rows }, (_, row) => lineOf(({ cells }) => cells[row] ?? '')),
  ];
}

export function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

export function bytes(count: number): string {
  return count < 1_000_000 ? `${Math.round(count / 1000)} kB` : `${Math.round(count / 1_000_000)} MB`;
}

/** The duration in its two largest units. */
export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const units = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = units.findIndex(([count]) => count > 0);
  if (first < 0) return '0 s';
  return units
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/** A bound address as a user would type it. */
export function addressText(address: BoundAddress): string {
  if ('path' in address) return address.path;
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${host}:${address.port}`;
}
