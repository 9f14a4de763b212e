// Each view when there is nothing, when it takes long, when it is refused and when the server fails: it says what
// happened, why, and what to press. The table is the list of these states.
import type { Page, Route } from '@playwright/test';
import { serious } from './axe';
import { expect, searchUrl, test, type Server } from './server';

const PICTURES = process.env.SKALD_PICTURES;

interface View {
  name: string;
  url: (server: Server) => string;
  /** What it asks the server. */
  asks: string;
  /** What it says when there is nothing, and what can be pressed then. */
  empty: RegExp;
  press: string;
}

const VIEWS: View[] = [
  { name: 'home', url: (s) => `${s.url}/ui/`, asks: '**/loki/**', empty: /Nothing has arrived yet/, press: '.command button' },
  { name: 'search', url: (s) => searchUrl(s, '{app="x"}'), asks: '**/loki/api/v1/query_range*', empty: /The tenant "fake" has no lines/, press: '#query' },
  { name: 'metric', url: (s) => searchUrl(s, 'rate({app="x"}[1m])'), asks: '**/loki/api/v1/query_range*', empty: /No values here[^]*The tenant "fake" has no lines/, press: '.ways button' },
  { name: 'map', url: (s) => `${s.url}/ui/?view=map`, asks: '**/skald/api/v1/map*', empty: /No flows in this time/, press: '#time' },
  { name: 'sources', url: (s) => `${s.url}/ui/?view=sources`, asks: '**/skald/api/v1/sources', empty: /Nobody has sent anything yet/, press: '.state button' },
  { name: 'storage', url: (s) => `${s.url}/ui/?view=storage`, asks: '**/loki/api/v1/index/stats*', empty: /No lines here/, press: '.around-scopes button' },
  { name: 'saved', url: (s) => `${s.url}/ui/?view=saved`, asks: '**/skald/api/v1/saved', empty: /Nothing is saved yet/, press: '.shipped button' },
  { name: 'rules', url: (s) => `${s.url}/ui/?view=rules`, asks: '**/api/v1/rules', empty: /evaluates no rules|No rules yet/, press: '.nav' },
];

/** All are asked of Search, of the other views those in which they could differ. */
const TROUBLES: { name: string; answer: (route: Route) => Promise<void>; says: RegExp; press: string }[] = [
  { name: 'slow', answer: async () => undefined, says: /The server takes its time|There is much to read/, press: '.nav, .ways button' },
  { name: 'refused', answer: (r) => r.fulfill({ status: 400, body: 'the range is longer than 30d' }), says: /The server refused this[^]*the range is longer than 30d/, press: '.nav' },
  { name: 'unauthorized', answer: (r) => r.fulfill({ status: 401, body: 'no token' }), says: /asks for a token[^]*no token/, press: 'input[type=password]' },
  { name: 'busy', answer: (r) => r.fulfill({ status: 429, body: 'too many queries' }), says: /The server is busy[^]*too many queries/, press: '.ways button' },
  { name: 'timeout', answer: (r) => r.fulfill({ status: 504, body: 'context deadline exceeded' }), says: /took too long[^]*deadline exceeded[^]*shorter time/, press: '.ways button' },
  { name: 'broken', answer: (r) => r.fulfill({ status: 500, body: 'a part can not be read' }), says: /The server failed[^]*a part can not be read[^]*its log/, press: '.ways button' },
  { name: 'gone', answer: (r) => r.abort(), says: /does not answer[^]*connection is down/, press: '.ways button' },
];

const EVERYWHERE = /slow|refused|unauthorized|gone/;

/** What the others show differs in words alone. */
const HEARD = /empty|slow|unauthorized|gone/;

async function look(page: Page, name: string, says: RegExp, press: string) {
  await expect(page.locator('main')).toContainText(says);
  await expect(page.locator(press).first()).toBeVisible();
  await page.emulateMedia({ colorScheme: 'light' });
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/state-${name}.png` });
  if (!HEARD.test(name)) return;
  expect.soft(await serious(page), `${name}, light`).toEqual([]);
  await page.emulateMedia({ colorScheme: 'dark' });
  expect.soft(await serious(page, ['color-contrast']), `${name}, dark`).toEqual([]);
}

for (const view of VIEWS) {
  test(`states of ${view.name}`, async ({ browser, empty }) => {
    const context = await browser.newContext({ bypassCSP: true, locale: 'en-US', timezoneId: 'UTC', viewport: { width: 1100, height: 700 } });
    const page = await context.newPage();
    await page.goto(view.url(empty));
    await look(page, `${view.name}-empty`, view.empty, view.press);
    for (const { name, answer, says, press } of TROUBLES.filter((each) => view.name === 'search' || EVERYWHERE.test(each.name))) {
      await page.clock.install();
      await page.route(view.asks, answer);
      await page.goto(view.url(empty));
      if (name === 'slow') await page.clock.runFor(6000);
      await look(page, `${view.name}-${name}`, says, press);
      await page.unroute(view.asks);
    }
    await context.close();
  });
}

test('a view that failed is there again by the button it shows', async ({ page, server }) => {
  for (const [view, asks, shown] of [['map', '**/skald/api/v1/map*', '.map-node'], ['sources', '**/skald/api/v1/sources', '.sources table'], ['storage', '**/loki/api/v1/index/*', '.figures']] as const) {
    await page.route(asks, (route) => route.abort());
    await page.goto(`${server.url}/ui/?view=${view}`);
    await expect(page.locator('.failed')).toBeVisible();
    await page.unroute(asks);
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect(page.locator(shown).first()).toBeVisible();
    await expect(page.locator('.failed')).toHaveCount(0);
  }
});
