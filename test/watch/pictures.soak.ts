import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { test } from 'vitest';
import { pathOf } from '../../scripts/test-tools.js';
import { needs } from '../needs.js';
import { startApp } from '../processes/app.js';
import { addresses, ask } from '../processes/clients.js';
import { RawConnection } from '../processes/raw.js';

const pictures = fileURLToPath(new URL('../../docs/pictures/', import.meta.url));

if (needs('chromium')) {
  test('takes the pictures of the live page that docs/operations.md shows', async () => {
    const app = startApp('apps/routers/watched.js', {
      env: { LIMPET_TEST_OPTIONS: JSON.stringify({ workers: 4, handoff: 'fd', respawnGraceMs: 500 }) },
    });
    const { port, ui } = (await app.hears('served')) as unknown as { port: number; ui: string };
    await Promise.all([0, 1, 2, 3].map((slot) => app.hears('ready', (event) => event.slot === slot)));
    const browser = await chromium.launch({
      executablePath: pathOf('chromium') as string,
      args: ['--no-sandbox'],
    });
    const open = addresses(90).map((from) => new RawConnection(port, from));
    try {
      const page = await browser.newPage({ viewport: { width: 1180, height: 870 }, deviceScaleFactor: 1.25 });
      await page.goto(ui);
      await page.waitForSelector('#slots tr:nth-child(4) td.good');
      for (let second = 0; second < 60; second++) {
        const visits = 20 + 15 * Math.sin(second / 6) + (second % 7);
        await Promise.all(addresses(Math.round(visits), second * 40).map((from) => ask(port, from)));
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
      await page.fill('#address', '203.0.113.7');
      await page.keyboard.press('Enter');
      await page.locator('#answer').getByText('203.0.113.*').waitFor();
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: `${pictures}live-page-${colorScheme}.png` });
      }
    } finally {
      for (const { socket } of open) socket.destroy();
      await browser.close();
      await app.stop();
    }
  });
}
