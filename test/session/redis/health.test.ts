import { beforeEach, describe, expect, test } from 'vitest';
import { RedisHealth } from '../../../src/session/redis/health.ts';
import type { ServerConnection } from '../../../src/session/redis/server-connection.ts';

interface State {
  downReason: string | undefined;
  period: object | undefined;
  untrackedReason: string | undefined;
}
const tracked = (): State => ({ downReason: undefined, period: {}, untrackedReason: undefined });

let connections: State[];
let events: string[];
let health: RedisHealth;
beforeEach(() => {
  connections = [];
  events = [];
  health = new RedisHealth(
    { connections: () => connections as unknown as ServerConnection[] },
    {
      up: () => events.push('up'),
      down: (reason) => events.push(`down: ${reason}`),
      trackingRefused: (reason) => events.push(`refused: ${reason}`),
    },
  );
});

function change(state: State, changes: Partial<State>): void {
  Object.assign(state, changes);
  health.changed(state as unknown as ServerConnection);
}

describe('a store without a connection', () => {
  test('is not up, and does not track', () => {
    expect(health.up).toBe(false);
    expect(health.downReason).toBeUndefined();
    expect(health.untrackedReason).toBe('not connected yet');
  });
});

describe('a store', () => {
  test('is up when every server can be reached, and down for the reason of the first that cannot', () => {
    connections = [tracked(), tracked()];
    expect(health.up).toBe(true);
    connections[1] = { ...tracked(), downReason: 'closed' };
    expect([health.up, health.downReason]).toEqual([false, 'closed']);
    connections[0] = { ...tracked(), downReason: 'refused' };
    expect(health.downReason).toBe('refused');
  });

  test('tracks when every server does', () => {
    connections = [tracked(), tracked()];
    expect(health.untrackedReason).toBeUndefined();
    connections[1] = { downReason: undefined, period: undefined, untrackedReason: 'no probe yet' };
    expect(health.untrackedReason).toBe('no probe yet');
  });

  test('reports each change once', () => {
    const [one, two] = [tracked(), tracked()];
    connections = [one, two];
    change(one, {});
    change(two, {});
    expect(events).toEqual(['up']);
    change(one, { downReason: 'closed' });
    change(one, { downReason: 'ECONNREFUSED' });
    change(two, { downReason: 'closed' });
    expect(events).toEqual(['up', 'down: closed']);
    change(one, { downReason: undefined });
    expect(events).toEqual(['up', 'down: closed']);
    change(two, { downReason: undefined });
    expect(events).toEqual(['up', 'down: closed', 'up']);
  });

  test('reports a store that was never up as down', () => {
    const one = { ...tracked(), downReason: 'ECONNREFUSED' };
    connections = [one];
    change(one, {});
    expect(events).toEqual(['down: ECONNREFUSED']);
  });
});

describe('a refusal to track', () => {
  test.each([
    "NOPERM this user has no permissions to run the 'client|tracking' command",
    "ERR unknown command 'CLIENT'",
    "ERR Unknown subcommand or wrong number of arguments for 'TRACKING'",
    'ERR syntax error',
    'this Redis accepts CLIENT TRACKING and sends no invalidation',
  ])('that lasts is reported once: %s', (reason) => {
    const one = tracked();
    connections = [one];
    change(one, { period: undefined, untrackedReason: reason });
    change(one, {});
    expect(events).toEqual(['up', `refused: ${reason}`]);
  });

  test.each([
    'the connection for invalidations closed',
    'this Redis did not answer CLIENT TRACKING in time',
    'not a NOPERM at the beginning',
  ])('that may pass is not reported: %s', (reason) => {
    const one = tracked();
    connections = [one];
    change(one, { period: undefined, untrackedReason: reason });
    expect(events).toEqual(['up']);
  });

  test('is reported again only for another reason', () => {
    const one = tracked();
    connections = [one];
    change(one, { period: undefined, untrackedReason: 'NOPERM one' });
    change(one, { period: {}, untrackedReason: undefined });
    change(one, { period: undefined, untrackedReason: 'NOPERM one' });
    change(one, { period: undefined, untrackedReason: 'NOPERM two' });
    expect(events).toEqual(['up', 'refused: NOPERM one', 'refused: NOPERM two']);
  });

  test('is not reported while a server is down', () => {
    const [one, two] = [tracked(), { ...tracked(), downReason: 'closed' }];
    connections = [one, two];
    change(one, { period: undefined, untrackedReason: 'NOPERM' });
    expect(events).toEqual(['down: closed']);
    change(two, { downReason: undefined });
    expect(events).toEqual(['down: closed', 'up']);
  });
});
