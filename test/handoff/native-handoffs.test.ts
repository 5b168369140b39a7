import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { loopback, RouterParts, type Served, visit, visitAll } from './router-parts.js';

let parts: RouterParts;
afterEach(() => parts.close());

const clients = loopback(1500);
/** Addresses of clients whose home is the slot. */
const homeOf = (slot: number, count: number) =>
  loopback(4000)
    .filter((address) => parts.ring.homeOfAddress(address) === slot)
    .slice(0, count);
const lost = () => [0, 1, 2, 3].reduce((sum, slot) => sum + parts.acceptor.counts(slot).lost, 0);
const missteered = () => [0, 1, 2, 3].reduce((sum, slot) => sum + parts.acceptor.counts(slot).missteered, 0);

/** Visits until the returned function is called, which resolves to what was served and how many visits failed. */
function keepVisiting(
  from: readonly string[],
): () => Promise<{ served: [string, Served][]; failed: number }> {
  let stopped = false;
  const served: [string, Served][] = [];
  let failed = 0;
  const visitors = Array.from({ length: 8 }, async (_, first) => {
    for (let i = first; !stopped; i = (i + 8) % from.length) {
      const address = from[i] as string;
      await visit(parts.port, address).then(
        (answer) => served.push([address, answer]),
        () => {
          failed += 1;
        },
      );
    }
  });
  return async () => {
    stopped = true;
    await Promise.all(visitors);
    return { served, failed };
  };
}

for (const handoff of ['kernel', 'fd'] as const) {
  describe(`handoff ${handoff}`, () => {
    it('every address is served by the slot that the ring says, and counted', async () => {
      parts = new RouterParts(handoff);
      await parts.open();
      await parts.fill();
      const served = await visitAll(parts.port, clients);
      expect(served.map(({ slot }) => slot)).toEqual(
        clients.map((address) => parts.ring.slotOfAddress(address)),
      );
      const counts = [0, 1, 2, 3].map((slot) => parts.acceptor.counts(slot));
      expect(counts.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(clients.length);
      expect(missteered()).toBe(0);
      const handed = counts.reduce((sum, each) => sum + each.handed, 0);
      expect(handed).toBe(handoff === 'fd' ? clients.length : 0);
    });

    it('a killed worker loses only the connections that it had accepted, and the next worker serves its clients', async () => {
      parts = new RouterParts(handoff);
      await parts.open();
      await parts.fill();
      const stop = keepVisiting(clients);
      for (const slot of [0, 1, 2, 3, 0, 1]) {
        await parts.kill(slot);
        await parts.attach(slot);
      }
      const { served, failed } = await stop();
      expect(failed).toBeLessThanOrEqual(lost());
      expect(served.length).toBeGreaterThan(0);
      for (const [address, { slot }] of served) expect(slot).toBe(parts.ring.homeOfAddress(address));
      expect(missteered()).toBe(0);
    });

    it('fallbacks serve a slot that is down, and the connections that waited for it, until it is up again', async () => {
      parts = new RouterParts(handoff);
      await parts.open();
      await parts.fill();
      await parts.kill(2);
      const own = homeOf(2, 40);
      const waiting = visitAll(parts.port, own, own.length);
      parts.down(2);
      for (const { slot } of await waiting) expect(slot).not.toBe(2);
      const others = homeOf(1, 40);
      for (const { slot } of await visitAll(parts.port, others)) expect(slot).toBe(1);
      parts.up(2);
      await parts.attach(2);
      for (const { slot } of await visitAll(parts.port, own)) expect(slot).toBe(2);
    });

    it('fallbacks serve every connection of a stopped worker once, and it serves again when it continues', async () => {
      parts = new RouterParts(handoff);
      await parts.open();
      await parts.fill();
      const own = homeOf(1, 60);
      parts.workers[1]?.child.kill('SIGSTOP');
      const waiting = visitAll(parts.port, own, own.length);
      parts.down(1);
      for (const { slot } of await waiting) expect(slot).not.toBe(1);
      parts.workers[1]?.child.kill('SIGCONT');
      parts.up(1);
      for (const { slot } of await visitAll(parts.port, own)) expect(slot).toBe(1);
      const accepted = [0, 1, 2, 3].reduce((sum, slot) => sum + parts.acceptor.counts(slot).accepted, 0);
      expect(accepted).toBe(2 * own.length);
    });

    it('in a reload under load no client fails and none is moved', async () => {
      parts = new RouterParts(handoff);
      await parts.open();
      await parts.fill();
      const stop = keepVisiting(clients);
      for (const slot of [0, 1, 2, 3]) await parts.replace(slot);
      const { served, failed } = await stop();
      expect(failed).toBe(0);
      for (const [address, { slot }] of served) expect(slot).toBe(parts.ring.homeOfAddress(address));
    });

    it('at close, waiting connections are served first and none is left', async () => {
      parts = new RouterParts(handoff, { slots: 2 });
      await parts.open();
      await parts.fill();
      const waiting = visitAll(parts.port, clients.slice(0, 100), 100);
      await once(await connected(parts.port, '127.9.9.9'), 'data');
      expect(await parts.primary.close(5000)).toBe(0);
      await expect(connected(parts.port, '127.9.9.8')).rejects.toThrow('ECONNREFUSED');
      await waiting.catch(() => {});
    });

    it('open() rejects with the code of the address error', async () => {
      parts = new RouterParts(handoff);
      await parts.open();
      const address = { port: parts.port, host: '127.0.0.1', ipv6Only: false, backlog: 10 };
      const second = new RouterParts(handoff, { address });
      await expect(second.open()).rejects.toMatchObject({ code: 'ERR_LIMPET_ADDRESS_IN_USE' });
      const elsewhere = new RouterParts(handoff, { address: { ...address, port: 0, host: '192.0.2.1' } });
      await expect(elsewhere.open()).rejects.toMatchObject({ code: 'ERR_LIMPET_ADDRESS_UNAVAILABLE' });
      await Promise.all([second.close(), elsewhere.close()]);
    });
  });
}

describe('handoff kernel', () => {
  it('fallbacks serve when the queue of a slot without a worker is more than half full, before the slot is down', async () => {
    parts = new RouterParts('kernel', {
      address: { port: 0, host: '127.0.0.1', ipv6Only: false, backlog: 8 },
    });
    await parts.open();
    await parts.fill();
    await parts.kill(3);
    const served = await visitAll(parts.port, homeOf(3, 9), 9);
    for (const { slot } of served) expect(slot).not.toBe(3);
    expect(
      parts.acceptor.counts(0).diverted +
        parts.acceptor.counts(1).diverted +
        parts.acceptor.counts(2).diverted,
    ).toBe(9);
  });

  it('scaling moves only the clients that the ring moves', async () => {
    parts = new RouterParts('kernel', { slots: 2 });
    await parts.open();
    await parts.fill();
    await parts.attach(2);
    parts.ring.resize(3);
    parts.primary.updateRing(parts.ring);
    const at = (await visitAll(parts.port, clients)).map(({ slot }) => slot);
    expect(at).toEqual(clients.map((address) => parts.ring.homeOfAddress(address)));
    parts.ring.resize(2);
    parts.primary.updateRing(parts.ring);
    const back = (await visitAll(parts.port, clients)).map(({ slot }) => slot);
    expect(back).toEqual(clients.map((address) => parts.ring.homeOfAddress(address)));
    expect(missteered()).toBe(0);
  });

  it('the socket of a removed slot stays open for a minute, then it closes if it is the last', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    parts = new RouterParts('kernel', { slots: 3 });
    await parts.open();
    await parts.fill();
    const resize = (slots: number) => {
      parts.ring.resize(slots);
      parts.primary.updateRing(parts.ring);
    };
    resize(2);
    await parts.kill(2);
    vi.advanceTimersByTime(59_999);
    expect(listeningAt(parts.port)).toBe(3);
    // The slot comes back: its socket stays. When it is removed again, the minute starts again.
    await parts.attach(2);
    resize(3);
    vi.advanceTimersByTime(120_000);
    expect(listeningAt(parts.port)).toBe(3);
    resize(2);
    await parts.kill(2);
    vi.advanceTimersByTime(60_000);
    expect(listeningAt(parts.port)).toBe(2);
    vi.useRealTimers();
    const served = await visitAll(parts.port, clients);
    expect(served.map(({ slot }) => slot)).toEqual(clients.map((from) => parts.ring.homeOfAddress(from)));
  });

  it('a unix-domain socket is refused, with the reason', async () => {
    parts = new RouterParts('kernel', { address: { path: '/nowhere', backlog: 1 } });
    await expect(parts.open()).rejects.toMatchObject({
      code: 'ERR_LIMPET_HANDOFF_UNSUPPORTED',
      facts: { reason: expect.stringContaining('unix-domain') },
    });
  });
});

describe('handoff fd', () => {
  it('a worker at its limit of descriptors loses no connection: the others wait until it has room', async () => {
    parts = new RouterParts('fd', { slots: 1, keepOpen: true, descriptorsMax: 128 });
    await parts.open();
    await parts.fill();
    const served = await Promise.all(loopback(300).map((address) => visit(parts.port, address)));
    expect(served).toHaveLength(300);
    expect(parts.acceptor.counts(0)).toMatchObject({ accepted: 300, lost: 0, refused: {} });
  });

  it('connections beyond queueMax are closed and counted, all others are served', async () => {
    parts = new RouterParts('fd', { slots: 1, queueMax: 10 });
    await parts.open();
    await parts.fill();
    await parts.kill(0);
    const visits = await Promise.allSettled([
      ...loopback(30).map((address) => visit(parts.port, address)),
      refused(20).then(() => parts.attach(0)),
    ]);
    expect(visits.filter(({ status }) => status === 'rejected')).toHaveLength(20);
    expect(parts.acceptor.counts(0).refused).toEqual({ 'queue full': 20 });
  });

  it('connections that close() leaves unserved are counted with the reason `closing`', async () => {
    parts = new RouterParts('fd', { slots: 1 });
    await parts.open();
    await parts.fill();
    await parts.kill(0);
    const waiting = await Promise.all(loopback(5).map((address) => connected(parts.port, address)));
    expect(await parts.primary.close(0)).toBe(5);
    expect(parts.acceptor.counts(0).refused).toEqual({ closing: 5 });
    for (const socket of waiting) socket.destroy();
  });

  it('on a unix-domain socket all slots serve in turn, and no file is left behind', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-'));
    parts = new RouterParts('fd', { slots: 2, address: { path: join(folder, 'socket'), backlog: 10 } });
    await parts.open();
    await parts.fill();
    const slots = new Set<number>();
    for (let i = 0; i < 20; i++) {
      const socket = connect(join(folder, 'socket'));
      const [data] = (await once(socket, 'data')) as [Buffer];
      slots.add((JSON.parse(String(data)) as Served).slot);
      socket.destroy();
    }
    expect(slots).toEqual(new Set([0, 1]));
    await parts.primary.close(1000);
    rmSync(folder, { recursive: true });
  });
});

/** The number of listening sockets on the port. */
function listeningAt(port: number): number {
  const at = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  return lines.filter((line) => line.includes(`${at}00000000:0000 0A`)).length;
}

async function connected(port: number, from: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  await once(socket, 'connect');
  return socket;
}

/** Resolves when `count` connections were refused because the queue was full. */
async function refused(count: number): Promise<void> {
  while ((parts.acceptor.counts(0).refused['queue full'] ?? 0) < count)
    await new Promise((resolve) => setTimeout(resolve, 5));
}
