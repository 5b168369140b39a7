import { expect, test } from 'vitest';
import { BusiestClient } from '../../src/handoff/busiest-client.ts';

function count(...clients: number[]): BusiestClient {
  const busiest = new BusiestClient();
  for (const client of clients) busiest.add(client);
  return busiest;
}

test('a client that makes all connections is found', () => {
  expect(count(7, 7, 7)).toMatchObject({ seen: 3, count: 3 });
});

test('nothing is counted before the first connection', () => {
  expect(count()).toMatchObject({ seen: 0, count: 0 });
});

test('a client that makes most connections is found, and counted since it became the candidate', () => {
  expect(count(1, 7, 7, 2, 7, 7)).toMatchObject({ seen: 6, count: 2 });
  expect(count(7, 7, 1, 7, 2)).toMatchObject({ seen: 5, count: 3 });
});

test('a client with the hash 0 is counted like any other', () => {
  expect(count(0, 0, 5)).toMatchObject({ seen: 3, count: 2 });
});

test('among many clients, none has a large count', () => {
  const busiest = count(...Array.from({ length: 100 }, (_, i) => i));
  expect(busiest).toMatchObject({ seen: 100, count: 1 });
});

test('a new candidate starts from zero', () => {
  expect(count(1, 1, 2, 2, 3)).toMatchObject({ seen: 5, count: 1 });
});
