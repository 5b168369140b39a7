// npm run bench:report: writes the figures of the pages and the plots, from bench/results/.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { prepare } from '../prepare.js';
import { pages, withFigures } from './blocks.js';
import { drawnFrom, plots } from './plots.js';

prepare();
const { draw, themeNames } = await import('./draw.js');

const project = new URL('../../', import.meta.url);
const pictures = new URL('docs/pictures/bench/', project);
mkdirSync(pictures, { recursive: true });
for (const { name, stamp, specification } of plots()) {
  for (const theme of themeNames) {
    const svg = await draw(specification, theme);
    writeFileSync(new URL(`${name}-${theme}.svg`, pictures), `${drawnFrom(stamp)}\n${svg}\n`);
  }
}
for (const page of pages) {
  const file = new URL(page, project);
  writeFileSync(file, withFigures(readFileSync(file, 'utf8')));
}
