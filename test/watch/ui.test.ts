import { request } from 'node:http';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pathOf } from '../../scripts/test-tools.js';
import { mask } from '../../src/watch/address-lookup.js';
import { needs } from '../needs.js';
import { type App, startApp } from '../processes/app.js';
import { addresses, ask } from '../processes/clients.js';
import { lowestContrast } from './contrast.js';

let app: App;
let served: { port: number; metrics: number; ui: string };
let links = 0;

async function newLink(): Promise<string> {
  app.say('link');
  links += 1;
  return (await app.hears('link', () => true, links)).ui as string;
}

beforeAll(async () => {
  app = startApp('apps/routers/watched.js');
  served = (await app.hears('served')) as unknown as typeof served;
  await Promise.all([0, 1, 2].map((slot) => app.hears('ready', (event) => event.slot === slot)));
});
afterAll(() => app.stop());

/** Sends a request with headers that a browser would not send. */
function get(
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<{ status: number; cookie: string; body: string; csp: string }> {
  return new Promise((resolve, reject) => {
    const req = request(
      { port: new URL(served.ui).port, host: '127.0.0.1', path, headers, method, agent: false },
      (res) => {
        let body = '';
        res.on('data', (chunk) => {
          body += chunk;
        });
        res.on('end', () => {
          const cookie = String(res.headers['set-cookie'] ?? '');
          resolve({
            status: res.statusCode ?? 0,
            cookie,
            body,
            csp: String(res.headers['content-security-policy']),
          });
        });
      },
    );
    req.on('error', reject);
    req.end();
  });
}

describe('the live page', () => {
  it('opens once by its link, for the browser that used the link', async () => {
    const { pathname, search } = new URL(await newLink());
    expect((await get('/')).status).toBe(403);
    expect((await get('/page.js')).status).toBe(403);
    expect((await get('/events')).status).toBe(403);
    expect((await get('/?token=wrong')).status).toBe(403);
    const opened = await get(pathname + search);
    expect(opened.status).toBe(200);
    expect(opened.csp).toMatch(/default-src 'none'/);
    expect(opened.cookie).toMatch(/; HttpOnly; SameSite=Strict$/);
    const cookie = opened.cookie.split(';')[0] as string;
    for (const path of ['/', '/page.css', '/page.js']) expect((await get(path, { cookie })).status).toBe(200);
    expect((await get('/page.html', { cookie })).status).toBe(404);
    expect((await get('/../package.json', { cookie })).status).toBe(404);
    expect((await get(pathname + search)).status).toBe(403);
    expect((await get('/', { cookie: `${cookie}x` })).status).toBe(403);
  });

  it('answers only to loopback host names, and only to GET and HEAD', async () => {
    const cookie = (await get(`/${new URL(await newLink()).search}`)).cookie.split(';')[0] as string;
    for (const host of ['localhost', 'LOCALHOST:80', '127.0.0.1:9', '[::1]', '[::1]:8080']) {
      expect((await get('/', { cookie, host })).status).toBe(200);
    }
    for (const host of [
      'rebound.example',
      'localhost.rebound.example',
      '127.0.0.1.rebound.example',
      '127.0.0.2',
      '0.0.0.0',
    ]) {
      expect((await get('/', { cookie, host })).status).toBe(421);
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      expect((await get('/', { cookie }, method)).status).toBe(405);
    }
  });

  it('masks addresses, unless the user asks for them in full', async () => {
    const cookie = (await get(`/${new URL(await newLink()).search}`)).cookie.split(';')[0] as string;
    const explain = async (query: string) => (await get(`/explain?${query}`, { cookie })).body;
    expect(JSON.parse(await explain('address=203.0.113.7'))).toMatchObject({
      address: '203.0.113.*',
      reason: 'home',
    });
    expect(JSON.parse(await explain('address=203.0.113.7&shown=1')).address).toBe('203.0.113.7');
    expect(await explain('address=nonsense')).toMatch(/nonsense/);
    expect((await get('/explain', { cookie })).status).toBe(400);
    expect(mask('2001:db8:7:1::9')).toBe('2001:db8:7::*');
    expect(mask('::ffff:198.51.100.3')).toBe('198.51.100.*');
    expect(mask('::1')).toBe('::*');
    expect(mask('nonsense')).toBe('*');
  });

  it('runs together with the metrics', async () => {
    await Promise.all(addresses(5).map((from) => ask(served.port, from)));
    const text = (await ask(served.metrics, '127.0.0.1', { path: '/metrics' })).body;
    const accepted = [...text.matchAll(/^limpet_slot_accepted_total\{slot="\d"\} (\d+)$/gm)];
    expect(accepted.reduce((sum, [, count]) => sum + Number(count), 0)).toBeGreaterThanOrEqual(5);
  });
});

if (needs('chromium')) {
  describe('the live page in Chromium', () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({
        executablePath: pathOf('chromium') as string,
        args: ['--no-sandbox'],
      });
    });
    afterAll(() => browser.close());

    it('shows the current slots, works by keyboard alone, and sends requests to no other host', async () => {
      const page = await browser.newPage();
      const hosts: string[] = [];
      const faults: string[] = [];
      page.on('request', (sent) => hosts.push(new URL(sent.url()).host));
      page.on('pageerror', (error) => faults.push(String(error)));
      page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
      await page.goto(await newLink());
      await page.waitForSelector('#slots tr:nth-child(3) td.good');
      expect(new URL(page.url()).search).toBe('');
      expect(await page.locator('#slots tr th').allTextContents()).toEqual(['0', '1', '2']);
      expect(await page.locator('#ring-words').textContent()).toMatch(/1,024 buckets, 3 slots.*All are up/);

      const from = '127.0.9.9';
      const { slot } = JSON.parse((await ask(served.port, from)).body) as { slot: number };
      await page.keyboard.press('/');
      await page.keyboard.type(from);
      await page.keyboard.press('Enter');
      await page.getByText(`127.0.9.* goes to slot ${slot}:`).waitFor();

      const chosen = () => page.locator('#slots tr.chosen th').textContent();
      for (let presses = 0; (await page.locator('#slots tr:focus').count()) === 0 && presses < 8; presses++) {
        await page.keyboard.press('Tab');
      }
      expect(await chosen()).toBe('0');
      await page.keyboard.press('ArrowDown');
      expect(await chosen()).toBe('1');
      await page.keyboard.press('End');
      expect(await chosen()).toBe('2');

      const pid = Number(await page.locator('#slots tr').nth(1).locator('td').nth(1).textContent());
      process.kill(pid, 'SIGKILL');
      await page.locator('#slots tr').nth(1).locator('td').last().getByText('1', { exact: true }).waitFor();
      expect(new Set(hosts)).toEqual(new Set([new URL(served.ui).host]));
      expect(faults).toEqual([]);
      await page.close();
    });

    it('is readable in light and dark, and fits wide and narrow screens', async () => {
      const page = await browser.newPage();
      await page.goto(await newLink());
      await page.waitForSelector('#slots tr');
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await page.evaluate(lowestContrast)).toBeGreaterThanOrEqual(4.5);
      }
      await page.setViewportSize({ width: 360, height: 700 });
      const wide = await page.evaluate('document.documentElement.scrollWidth');
      expect(wide).toBeLessThanOrEqual(360);
      await page.close();
    });
  });
}
