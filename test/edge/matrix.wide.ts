import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { pathOf, streamModule } from '../../scripts/test-tools.js';
import { isSince } from '../../src/edge/checked-settings.ts';
import { needs } from '../needs.ts';
import { everyCombination, Stage, tryCombination } from './matrix.ts';

/** Covers each setting at least once for each proxy. matrix.soak.ts covers every combination. */
const chosen = [
  'direct, address',
  'direct, cookie, tls, healthPath',
  'direct, query',
  'direct, cookie and header',
  'direct, address, trust',
  'shared, address, tls, healthPath',
  'shared, cookie',
];
const streams = needs('nginx') && needs(streamModule);
const combinations = (['nginx', 'haproxy'] as const)
  .filter((name) => needs(name))
  .flatMap(everyCombination)
  .filter(({ what }) => chosen.includes(what))
  .filter(({ name, settings }) => name === 'haproxy' || settings.via === 'direct' || streams);

describe.skipIf(combinations.length === 0)(
  'a generated configuration keeps every client on its worker',
  () => {
    const stage = new Stage();
    beforeAll(() => stage.open());
    afterAll(() => stage.close());

    test.each(combinations)('$name: $what', (combination) => tryCombination(stage, combination));

    test.runIf(pathOf('nginx'))('nginx: direct, with its own sticky cookies', async ({ skip }) => {
      const banner = spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr;
      const version = /(\d+\.\d+\.\d+)/.exec(banner)?.[1] as string;
      skip(
        !isSince(version.split('.').map(Number), '1.29.6'),
        `nginx ${version} has no sticky cookies, needs 1.29.6`,
      );
      const settings = { via: 'direct', affinity: 'cookie', version } as const;
      await tryCombination(stage, { name: 'nginx', what: 'its own sticky cookies', settings });
    });
  },
);
