import { afterAll, beforeAll, describe, test } from 'vitest';
import { needs } from '../needs.ts';
import { everyCombination, Stage, tryCombination } from './matrix.ts';

const combinations = (['nginx', 'haproxy'] as const).filter((name) => needs(name)).flatMap(everyCombination);

describe.skipIf(combinations.length === 0)('every generated configuration', () => {
  const stage = new Stage();
  beforeAll(() => stage.open());
  afterAll(() => stage.close());

  test.each(combinations)('of $name: $what', (combination) => tryCombination(stage, combination));
});
