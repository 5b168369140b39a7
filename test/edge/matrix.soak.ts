import { afterAll, beforeAll, describe, test } from 'vitest';
import { streamModule } from '../../scripts/test-tools.js';
import { needs } from '../needs.ts';
import { everyCombination, Stage, tryCombination } from './matrix.ts';

const streams = needs('nginx') && needs(streamModule);
const combinations = (['nginx', 'haproxy'] as const)
  .filter((name) => needs(name))
  .flatMap(everyCombination)
  .filter(({ name, settings }) => name === 'haproxy' || settings.via === 'direct' || streams);

describe.skipIf(combinations.length === 0)(
  'every generated configuration keeps every client on its worker',
  () => {
    const stage = new Stage();
    beforeAll(() => stage.open());
    afterAll(() => stage.close());

    test.each(combinations)('$name: $what', (combination) => tryCombination(stage, combination));
  },
);
