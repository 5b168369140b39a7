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
 * A server behind limpet is the server that it is on a plain listen. Each trial (test/fixtures/conformance/) is played both ways
 * on each line of Node.js, and what it saw must be the same, whatever that is; only what says that a trial sees at all is named here.
 */
const handoffs = process.platform === 'linux' ? ['kernel', 'fd', 'ipc'] : ['ipc'];
const trials = Object.keys({ ...openTrials, ...closingTrials });
/** Trials wait more than they work: so many plays at a time. */
const playsAtOnce = 6;

type Seen = Map<string, unknown>;
const seen = new Map<string, Seen>();
const apps: App[] = [];
/** For unix-domain sockets: a plain listen that is ended by a signal leaves its own behind. */
const folder = mkdtempSync(join(tmpdir(), 'limpet-conformance-'));

async function play(node: NodeBinary, way: string): Promise<void> {
  const app = startApp('conformance/app.js', { args: [way], node: node.path, env: { TMPDIR: folder } });
  apps.push(app);
  const all: Seen = new Map();
  for (const trial of trials) {
    const told = await app.hears('seen', (each) => each.trial === trial);
    all.set(trial, told.seen);
  }
  seen.set(`${node.version} ${way}`, all);
  await app.stop();
}

/** The suite, on these. */
export function conformance(nodes: readonly NodeBinary[]): void {
  beforeAll(async () => {
    const plays = nodes.flatMap((node) => ['plain', ...handoffs].map((way) => ({ node, way })));
    await inParallel(plays, playsAtOnce, ({ node, way }) => play(node, way));
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
    ])('a plain listen shows %s', (trial, expected) => {
      const { text, ...rest } = expected as { text?: RegExp };
      expect(plain(trial)).toMatchObject(rest);
      if (text) expect(plain(trial)).toHaveProperty('text', expect.stringMatching(text));
    });

    describe.each(handoffs)('%s equals a plain listen', (handoff) => {
      const steered = (trial: string) => handoff === 'kernel' && trial.includes('unix-domain');
      const here = (trial: string) => seen.get(`${version} ${handoff}`)?.get(trial);

      it.each(trials.filter((trial) => !steered(trial)))('%s', (trial) => {
        expect(plain(trial)).not.toHaveProperty('failed');
        expect(here(trial)).toEqual(plain(trial));
      });
      it.each(trials.filter(steered))('%s: is refused', (trial) => {
        expect(here(trial)).toHaveProperty('failed', expect.stringContaining('no address to steer by'));
      });
    });
  });
}
