import { parse, View } from 'vega';
import { compile } from 'vega-lite';

const width = 560;

/** Colours for light and dark pages. All text has a contrast of at least 4.5. */
const themes = {
  light: {
    text: '#3b424a',
    grid: '#e3e5e8',
    ours: '#c2541b',
    others: '#9aa1a9',
    groups: ['#c2541b', '#6f4fb0', '#1f6fb2', '#9aa1a9'],
    pair: ['#c2541b', '#9fb8cf'],
    lines: ['#c2541b', '#e8974f', '#6f4fb0', '#b59cf0', '#1f6fb2', '#69717a', '#24805a'],
  },
  dark: {
    text: '#cfd3d8',
    grid: '#3b424a',
    ours: '#f0925e',
    others: '#69717a',
    groups: ['#f0925e', '#b59cf0', '#6db3ee', '#69717a'],
    pair: ['#f0925e', '#4c6b87'],
    lines: ['#f0925e', '#f7c9a8', '#b59cf0', '#7d62c4', '#6db3ee', '#a0a8b1', '#66c79b'],
  },
};

/** The names of the themes. Each plot is drawn once for each theme. */
export const themeNames = Object.keys(themes);

/**
 * Draws a plot.
 * @param {object} specification Vega-Lite
 * @param {'light' | 'dark'} themeName
 * @returns {Promise<string>} SVG with a transparent background
 */
export async function draw(specification, themeName) {
  const { text, grid, ours, others, ...ranges } = themes[themeName];
  const themed = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'transparent',
    ...(!specification.facet && { width }),
    ...specification,
    params: [
      { name: 'ours', value: ours },
      { name: 'others', value: others },
    ],
    config: {
      font: 'system-ui, sans-serif',
      view: { stroke: null },
      title: { color: text, fontSize: 14, anchor: 'start', offset: 12 },
      axis: {
        labelColor: text,
        titleColor: text,
        gridColor: grid,
        domainColor: grid,
        tickColor: grid,
        labelFontSize: 12,
        titleFontSize: 12,
        titleFontWeight: 'normal',
      },
      axisY: { grid: false },
      legend: { labelColor: text, titleColor: text, labelFontSize: 12, symbolType: 'square' },
      header: { labelColor: text },
      text: { color: text, fontSize: 12 },
      range: { groups: ranges.groups, pair: ranges.pair, lines: ranges.lines },
    },
  };
  return new View(parse(compile(themed).spec), { renderer: 'none' }).toSVG();
}
