import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closingTrials } from '../fixtures/conformance/closing.js';
import { openTrials } from '../fixtures/conformance/trials.js';
import type { NodeBinary } from '../nodes/index.ts';
import { type App, startApp } from '../processes/app.ts';
import { inParallel } from '../processes/clients.ts';

/**
 * A server behind limpet behaves as on a plain listen(). Each trial (test/fixtures/conformance/) runs both ways on each line of
 * Node.js, and both runs must see the same. This file names only a few expected results, which show that a trial sees anything.
 */
const handoffs = process.platform === 'linux' ? ['kernel', 'fd', 'ipc'] : ['ipc'];
const trials = Object.keys({ ...openTrials, ...closingTrials });
/** How many runs go on at a time. Trials mostly wait. */
const runsAtOnce = 6;

/** Trial → what it saw. */
type Seen = Map<string, unknown>;
/** Version of Node.js and way → what the trials saw. */
const seen = new Map<string, Seen>();
const apps: App[] = [];
/** For unix-domain sockets. A plain listen() that a signal ends leaves its socket file behind. */
const folder = mkdtempSync(join(tmpdir(), 'limpet-conformance-'));

/** Runs all trials: on a plain listen() if `way` is 'plain', else by the handoff of that name. */
async function run(node: NodeBinary, way: string): Promise<void> {
  const app = startApp('conformance/app.js', { args: [way], node: node.path, env: { TMPDIR: folder } });
  apps.push(app);
  const all: Seen = new Map();
  for (const trial of trials) {
    const report = await app.hears('seen', (each) => each.trial === trial);
    all.set(trial, report.seen);
  }
  seen.set(`${node.version} ${way}`, all);
  await app.stop();
}

/** The whole suite, on each of these versions of Node.js. */
export function conformance(nodes: readonly NodeBinary[]): void {
  beforeAll(async () => {
    const runs = nodes.flatMap((node) => ['plain', ...handoffs].map((way) => ({ node, way })));
    await inParallel(runs, runsAtOnce, ({ node, way }) => run(node, way));
  }, 150_000);
  afterAll(async () => {
    await Promise.all(apps.map((app) => app.stop()));
    rmSync(folder, { recursive: true });
  });

  describe.each(nodes.map(({ version }) => version))('on Node.js %s', (version) => {
    const plain = (trial: string) => seen.get(`${version} plain`)?.get(trial);

    it.each([
      ['http: headersTimeout, a head that never ends', { text: /^HTTP\/1.1 408 /, tooEarly: false }],
      ['http: requestTimeout, a body that never ends', { text: /^HTTP\/1.1 408 /, tooEarly: false }],
      ['http: keepAliveTimeout', { text: /hello$/, tooEarly: false }],
      ['net: maxConnections and drop', { arguments: 1, ports: [true, true], count: 1, afterwards: 1 }],
      ['http: close, with an active connection', { end: 'slow', over: 'ended' }],
    ])('a plain listen() shows %s', (trial, expected) => {
      const { text, ...rest } = expected as { text?: RegExp };
      expect(plain(trial)).toMatchObject(rest);
      if (text) expect(plain(trial)).toHaveProperty('text', expect.stringMatching(text));
    });

    describe.each(handoffs)('%s equals a plain listen()', (handoff) => {
      /** `kernel` places by the client's address, which a unix-domain socket has not. */
      const isRefused = (trial: string) => handoff === 'kernel' && trial.includes('unix-domain');
      const byLimpet = (trial: string) => seen.get(`${version} ${handoff}`)?.get(trial);

      it.each(trials.filter((trial) => !isRefused(trial)))('%s', (trial) => {
        expect(plain(trial)).not.toHaveProperty('failed');
        expect(byLimpet(trial)).toEqual(plain(trial));
      });
      it.each(trials.filter(isRefused))('%s is refused', (trial) => {
        expect(byLimpet(trial)).toHaveProperty('failed', expect.stringContaining('no address to steer by'));
      });
    });
  });
}
