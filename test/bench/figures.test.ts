import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { pages, withFigures } from '../../bench/report/blocks.js';
import { drawnFrom, plots } from '../../bench/report/plots.js';

const project = new URL('../../', import.meta.url);

describe('the published figures are up to date with the committed results (npm run bench:report writes them)', () => {
  test.each(pages)('%s', (page) => {
    const text = readFileSync(new URL(page, project), 'utf8');
    expect(text).toContain('<!-- figures');
    expect(withFigures(text)).toBe(text);
  });

  const pictures = plots().flatMap(({ name, stamp }) =>
    ['light', 'dark'].map((theme) => ({ file: `docs/pictures/bench/${name}-${theme}.svg`, stamp })),
  );
  test.each(pictures)('$file', ({ file, stamp }) => {
    const url = new URL(file, project);
    expect(existsSync(url)).toBe(true);
    expect(readFileSync(url, 'utf8').startsWith(drawnFrom(stamp))).toBe(true);
  });
});
