// Each view in light and dark, English and Korean, desktop and phone: no serious finding of axe, and pictures.
import type { Page } from '@playwright/test';
import { serious } from './axe';
import { expect, searchUrl, test, type Server } from './server';

/** Where pictures of all views go, and those that docs/page.md shows; none without. */
const PICTURES = process.env.SKALD_PICTURES;
const DOCUMENTED_PICTURES = process.env.SKALD_DOCUMENTED_PICTURES;
const DOCUMENTED = new Set(['home-light', 'search-light', 'line-dark', 'changes-light', 'storage-light', 'search-phone', 'map-dark', 'typing-light']);

interface View {
  name: string;
  url: (server: Server, empty: Server) => string;
  ready: string;
  act?: (page: Page) => Promise<void>;
}

const VIEWS: View[] = [
  { name: 'home', url: (s) => `${s.url}/ui/`, ready: '.services' },
  { name: 'first', url: (_, e) => `${e.url}/ui/`, ready: '.command' },
  { name: 'search', url: (s) => searchUrl(s, '{namespace="shop"}'), ready: '.row' },
  {
    name: 'line',
    url: (s) => searchUrl(s, '{service_name="checkout"} |= "charge"', { columns: 'user,status' }),
    ready: '.row',
    act: async (page) => {
      await page.keyboard.press('e');
      await page.keyboard.press('x');
      await page.locator('.around-row').first().waitFor();
    },
  },
  { name: 'empty', url: (s) => searchUrl(s, '{service_name="checkout", pod="nginx-0"} |= "charge"'), ready: '.ways button' },
  {
    name: 'typing', url: (s) => searchUrl(s, '{namespace="shop"}'), ready: '.row',
    act: async (page) => {
      await page.locator('#query').pressSequentially(' |= oops | json');
      await page.locator('.q-bad').waitFor();
    },
  },
  { name: 'mistake', url: (s) => searchUrl(s, '{service_name="checkout"} |= foo'), ready: '.error-place' },
  {
    name: 'changes',
    url: (s) => searchUrl(s, '{service_name="payments"}', { from: String(s.end - 3_100_000), to: String(s.end - 2_300_000), show: 'changes' }),
    ready: '.changes-table .pattern',
    act: async (page) => expect(page.locator('.changes-head [role=status]')).toHaveCount(0, { timeout: 60_000 }),
  },
  { name: 'metric', url: (s) => searchUrl(s, 'sum by (service_name) (rate({service_name=~".+"}[5m]))'), ready: '.uplot canvas' },
  { name: 'storage', url: (s) => `${s.url}/ui/?view=storage`, ready: '.services' },
  { name: 'table', url: (s) => searchUrl(s, '{service_name="checkout"}', { show: 'table' }), ready: '.lines-header', act: async (page) => page.keyboard.press('j') },
  { name: 'patterns', url: (s) => searchUrl(s, '{service_name=~"payments|nginx"}', { show: 'patterns' }), ready: '.changes-table .pattern', act: async (page) => expect(page.locator('.changes-head [role=status]')).toHaveCount(0, { timeout: 60_000 }) },
  { name: 'chart', url: (s) => searchUrl(s, '{namespace="shop"}', { show: 'chart', by: 'service_name' }), ready: '.uplot canvas' },
  { name: 'map', url: (s) => `${s.url}/ui/?view=map`, ready: '.map-node', act: (page) => page.locator('.map-time').waitFor() },
  { name: 'nomap', url: (_, e) => `${e.url}/ui/?view=map`, ready: '.state' },
  { name: 'sources', url: (s) => `${s.url}/ui/?view=sources`, ready: '.services, .state' },
  { name: 'saved', url: (s) => `${s.url}/ui/?view=saved`, ready: '.shipped' },
  { name: 'rules', url: (s) => `${s.url}/ui/?view=rules`, ready: '.state' },
  { name: 'keys', url: (s) => searchUrl(s, '{namespace="shop"}'), ready: '.row', act: (page) => page.keyboard.press('?') },
];

/** SKALD_VIEWS=chart,map asks these alone, for work on them. */
const ASKED = process.env.SKALD_VIEWS?.split(',');

/** Rules that a look can break by its colours or its space; all others are asked in English in light, and in Korean on a phone. */
const CONTRAST = ['color-contrast'];
const SPACE = ['scrollable-region-focusable', 'target-size'];

interface Look {
  name: string;
  locale: string;
  width: number;
  height: number;
  /** Schemes with the rules that are asked in each; all where none are named. */
  schemes: { name: string; colorScheme: 'light' | 'dark'; forcedColors?: 'active'; rules?: string[] }[];
}

const LOOKS: Look[] = [
  {
    name: 'en', locale: 'en-US', width: 1360, height: 860,
    schemes: [{ name: 'light', colorScheme: 'light' }, { name: 'dark', colorScheme: 'dark', rules: CONTRAST }, { name: 'forced', colorScheme: 'dark', forcedColors: 'active', rules: SPACE }],
  },
  { name: 'ko', locale: 'ko-KR', width: 1360, height: 860, schemes: [{ name: 'ko', colorScheme: 'light', rules: [...SPACE, ...CONTRAST] }, { name: 'ko-dark', colorScheme: 'dark', rules: CONTRAST }] },
  { name: 'phone', locale: 'ko-KR', width: 390, height: 800, schemes: [{ name: 'phone', colorScheme: 'dark' }] },
  { name: 'zoomed', locale: 'en-US', width: 680, height: 430, schemes: [{ name: 'zoomed', colorScheme: 'light', rules: SPACE }] },
];

for (const look of LOOKS) {
  test(`every view is fit to be seen and heard: ${look.name}`, async ({ browser, server, empty }) => {
    test.setTimeout(240_000);
    await fetch(`${server.url}/flush`, { method: 'POST' });
    const context = await browser.newContext({ locale: look.locale, viewport: { width: look.width, height: look.height }, timezoneId: 'UTC', bypassCSP: true });
    for (const view of VIEWS.filter(({ name }) => ASKED?.includes(name) ?? true)) {
      const page = await context.newPage();
      await page.emulateMedia({ colorScheme: look.schemes[0]?.colorScheme ?? 'light' });
      await page.goto(view.url(server, empty));
      await page.locator(view.ready).first().waitFor();
      await view.act?.(page);
      await expect(page.locator('[data-busy=true]')).toHaveCount(0);
      if (PICTURES || DOCUMENTED_PICTURES) await page.waitForLoadState('networkidle').catch(() => undefined);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect.soft(overflow, `${view.name}, ${look.name}: nothing is wider than the window`).toBeLessThanOrEqual(0);
      for (const { name, colorScheme, forcedColors = 'none', rules } of look.schemes) {
        await page.emulateMedia({ colorScheme, forcedColors });
        expect.soft(await serious(page, rules), `${view.name}, ${name}`).toEqual([]);
        const picture = `${view.name}-${name}`;
        if (PICTURES) await page.screenshot({ path: `${PICTURES}/${picture}.png` });
        if (DOCUMENTED_PICTURES && DOCUMENTED.has(picture)) await page.screenshot({ path: `${DOCUMENTED_PICTURES}/${picture}.png` });
      }
      await page.close();
    }
    await context.close();
  });
}
