/** The table of seven nodes and the clients in docs/ring.md. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bytesUpTo, describeEngines } from './engines.ts';

const page = readFileSync(new URL('../../docs/ring.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/^```text\n([\s\S]*?)^```/gm)].map(([, block = '']) =>
  block
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/) as [nodes: string, table: string]),
);
const [joined = [], down = []] = blocks;
const clients = [...page.matchAll(/^\| (\S+) \| `(\w{16})` \| `(\w{8})` \| (\d+) \| (\w) \|$/gm)];
const names = [...'abcdefg'];

describe('the table', () => {
  test('is built by the rules that the page describes', () => {
    expect(joined.map(([node]) => node)).toEqual(names);
    for (const [i, [node, table]] of joined.entries()) {
      const counts = names.slice(0, i + 1).map((name) => table.split(name).length - 1);
      expect(counts.at(-1)).toBe(Math.floor(64 / (i + 1)));
      expect(Math.max(...counts)).toBeLessThanOrEqual(Math.ceil(64 / (i + 1)));
      const before = joined[i - 1]?.[1] ?? table;
      expect([...table].every((letter, bucket) => letter === node || letter === before[bucket])).toBe(true);
    }
  });
});

describeEngines(({ Ring, SlotRing }) => {
  const options = { buckets: 64, key: bytesUpTo(8) };
  const lettersOf = (table: Uint16Array): string => Array.from(table, (slot) => names[slot]).join('');

  test('line n of the table is the ring of n nodes', () => {
    for (const [i, [, table]] of joined.entries()) {
      expect(lettersOf(new SlotRing({ ...options, slots: i + 1 }).homeTable())).toBe(table);
    }
  });

  test('with nodes down, the others serve as the page says', () => {
    expect(down).toHaveLength(2);
    for (const [nodes, table] of down) {
      const ring = new SlotRing({ ...options, slots: 7 });
      for (const node of nodes) ring.down(names.indexOf(node));
      expect(lettersOf(ring.ownerTable())).toBe(table);
    }
  });

  test('each client of the page has the key, hash, bucket and home of its line', () => {
    const ring = new Ring(names, options);
    expect(clients).toHaveLength(6);
    for (const [, address = '', key, hash = '', bucket, home] of clients) {
      expect(ring.explain(address)).toEqual({
        key,
        hash: Number.parseInt(hash, 16),
        bucket: Number(bucket),
        home,
        owner: home,
        reason: 'home',
      });
    }
  });
});
