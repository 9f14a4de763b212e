// What goes wrong: hostile lines, a server that is gone, busy or closed to strangers.
import { withDist } from './dist.mjs';
import { push } from './sample.mjs';
import { expect, openSearch, searchUrl, test, TOKEN } from './server';

test('hostile lines can do nothing', async ({ page, server }) => {
  const reports: string[] = [];
  await page.addInitScript(() => document.addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.sample}`)));
  page.on('request', (request) => {
    if (!request.url().startsWith(server.url)) reports.push(request.url());
  });
  await openSearch(page, server, '{service_name="hostile"}');
  for (const key of ['w', 'p', 'p', 'w']) await page.keyboard.press(key);
  for (let i = 0; i < 8; i++) {
    await page.keyboard.press('j');
    await page.keyboard.press('o');
  }
  await page.locator('.field-name').first().click();
  await expect(page.locator('.lines img, .lines script, .lines a, .lines svg:not(.icon)')).toHaveCount(0);
  expect(await page.locator('.row-line').allTextContents()).toContainEqual(expect.stringContaining('‹202E›'));
  expect(reports).toEqual([]);
});

test('a script in the page is refused by the policy', async ({ page, server, trouble }) => {
  const response = await page.goto(`${server.url}/ui/`);
  expect(response?.headers()['content-security-policy']).toContain("trusted-types 'none'");
  const outcome = await page.evaluate(() => {
    try {
      document.body.innerHTML = '<b>x</b>';
      return 'done';
    } catch (error) {
      return String(error);
    }
  });
  expect(outcome).toContain('TrustedHTML');
  // The refusal is in the console, as it shall be.
  trouble.length = 0;
});

test('a server that is gone leaves what is shown', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="checkout"}');
  const before = await page.locator('.row-line').first().textContent();
  await page.route('**/loki/**', (route) => route.abort());
  await page.keyboard.press(']');
  await page.getByRole('button', { name: 'Run' }).click();
  await expect(page.getByRole('alert').filter({ hasText: 'does not answer' })).toBeVisible();
  await expect(page.locator('.row-line').first()).toHaveText(before ?? '');
  await page.unroute('**/loki/**');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.locator('.failed')).toHaveCount(0);
});

test('a busy server and a slow query say so', async ({ page, server }) => {
  for (const [status, text] of [[429, 'busy'], [504, 'too long'], [500, 'failed']] as const) {
    await page.route('**/loki/api/v1/query_range*', (route) => route.fulfill({ status, body: 'reason of the server' }));
    await page.goto(searchUrl(server, '{service_name="auth"}'));
    await expect(page.locator('.failed h2')).toContainText(text);
    await expect(page.locator('.failed .why')).toContainText('reason of the server');
    await page.unroute('**/loki/api/v1/query_range*');
  }
});

test('a token is asked for once, becomes a cookie no script reads, and can be forgotten', async ({ page, guarded, browser }) => {
  const values = [[`${Date.now()}000000`, 'behind the door']];
  const headers = { 'content-type': 'application/json', 'x-scope-orgid': 'a', authorization: `Bearer ${TOKEN}` };
  const pushed = await fetch(`${guarded.url}/loki/api/v1/push`, { method: 'POST', headers, body: JSON.stringify({ streams: [{ stream: { service_name: 'vault' }, values }] }) });
  expect(pushed.status).toBe(204);
  const link = searchUrl(guarded, '{service_name="vault"}', { tenant: 'a' });
  await page.goto(link);
  await page.getByLabel('Token').fill('wrong');
  await page.keyboard.press('Enter');
  await expect(page.locator('.state .note').first()).toContainText('does not take this token');
  await page.getByLabel('Token').fill(TOKEN);
  await page.keyboard.press('Enter');
  await expect(page.locator('.row-line')).toHaveText('behind the door');
  expect(await page.evaluate(() => document.cookie + JSON.stringify({ ...sessionStorage }))).not.toContain('skald_');
  await page.reload();
  await expect(page.locator('.row-line')).toHaveText('behind the door');
  await expect(page.locator('#tenants option')).toHaveCount(2);
  // A change by cookie, which only a page of this server may make.
  await page.keyboard.press('S');
  await page.getByRole('dialog').getByLabel('Name').fill('mine');
  await page.keyboard.press('Enter');
  await expect(page.locator('.toast')).toContainText('mine');
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByRole('button', { name: 'Forget the token' }).click();
  await expect(page.getByLabel('Token')).toBeVisible();
  const stranger = await browser.newPage();
  await stranger.goto(link);
  await expect(stranger.getByLabel('Token')).toBeVisible();
  await stranger.close();
});

test('the tail goes on after a cut connection without loss', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="auth"}');
  const query = '{service_name="cut"}';
  await page.locator('#query').fill(query);
  let cuts = 0;
  await page.route('**/loki/api/v1/tail*', async (route) => {
    if (cuts++ === 0) return route.abort();
    return route.continue();
  });
  await page.getByRole('button', { name: 'Follow' }).click();
  const values = Array.from({ length: 50 }, (_, i) => [`${Date.now()}${String(i).padStart(6, '0')}`, `line ${i}`]);
  await push(server.url, [{ stream: { service_name: 'cut' }, values }]);
  await expect(page.locator('.status')).toContainText('50 lines', { timeout: 15_000 });
  await expect(page.locator('#lines')).toHaveAttribute('aria-rowcount', '50');
  await expect(page.locator('.row-line').first()).toHaveText('line 49');
});

test('a connection that a proxy cuts loses no line of the tail', async ({ page, server }) => {
  const proxy = await withDist(server.url, 'dist');
  await page.goto(searchUrl({ ...server, url: proxy.url }, '{service_name="proxied"}'));
  await page.getByRole('button', { name: 'Follow' }).click();
  await expect(page.locator('.status')).toContainText('Following');
  const send = (from: number) => push(server.url, [{ stream: { service_name: 'proxied' }, values: Array.from({ length: 20 }, (_, i) => [`${Date.now()}${String(from + i).padStart(6, '0')}`, `line ${from + i}`]) }]);
  await send(0);
  await expect(page.locator('#lines')).toHaveAttribute('aria-rowcount', '20');
  proxy.cut();
  await expect(page.locator('.status')).toContainText('The connection broke');
  await send(20);
  await expect(page.locator('#lines')).toHaveAttribute('aria-rowcount', '40');
  await expect(page.locator('.status')).toContainText('40 lines');
  await expect(page.locator('.gap')).toHaveCount(0);
  proxy.close();
});

test('live lines are summed up aloud every ten seconds', async ({ page, server }) => {
  await page.clock.install();
  await openSearch(page, server, '{service_name="auth"}');
  await page.locator('#query').fill('{service_name="heard"}');
  await page.getByRole('button', { name: 'Follow' }).click();
  await expect(page.locator('.status')).toContainText('Following');
  await push(server.url, [{ stream: { service_name: 'heard' }, values: ['info', 'error', 'info'].map((level, i) => [`${Date.now()}00000${i}`, `level=${level} msg="n ${i}"`]) }]);
  await expect(async () => {
    await page.clock.runFor(200);
    expect(await page.locator('.row').count()).toBe(3);
  }).toPass();
  await page.clock.runFor(10_000);
  await expect(page.locator('#tail-summary[aria-live=polite]')).toHaveText('3 new lines, 1 errors');
});

test('a session that has ended asks for the token again, and goes on where it was', async ({ page, guarded }) => {
  const headers = { 'content-type': 'application/json', 'x-scope-orgid': 'a', authorization: `Bearer ${TOKEN}` };
  const values = [[`${Date.now()}000000`, 'behind the door']];
  await fetch(`${guarded.url}/loki/api/v1/push`, { method: 'POST', headers, body: JSON.stringify({ streams: [{ stream: { service_name: 'vault' }, values }] }) });
  const give = async () => {
    await page.getByLabel('Token').fill(TOKEN);
    await page.keyboard.press('Enter');
    await expect(page.locator('.row-line')).toHaveText('behind the door');
  };
  await page.goto(searchUrl(guarded, '{service_name="vault"} |= "door"', { tenant: 'a' }));
  await give();
  await page.context().clearCookies();
  await page.getByRole('button', { name: 'Run' }).click();
  await expect(page.locator('.state h2')).toHaveText('This server asks for a token');
  await give();
  await expect(page.locator('#query')).toHaveValue('{service_name="vault"} |= "door"');
});

test('a hidden tab lets its connection go, and misses nothing', async ({ page, server }) => {
  await page.clock.install();
  await openSearch(page, server, '{service_name="auth"}');
  await page.locator('#query').fill('{service_name="hidden"}');
  await page.getByRole('button', { name: 'Follow' }).click();
  await expect(page.locator('.status')).toContainText('Following');
  const show = (isHidden: boolean) =>
    page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, isHidden);
  await show(true);
  await page.clock.runFor(25_000);
  await push(server.url, [{ stream: { service_name: 'hidden' }, values: [[`${Date.now()}000000`, 'while hidden']] }]);
  await expect(page.locator('.row')).toHaveCount(0);
  await show(false);
  await page.clock.runFor(1000);
  await expect(page.locator('.row-line')).toHaveText('while hidden');
});

test('what the server dropped is a row that loads its lines', async ({ page, server }) => {
  const at = Date.now() - 5000;
  const values = Array.from({ length: 30 }, (_, i) => [`${at + i}000000`, `dropped ${i}`]);
  let isFirst = true;
  await page.route('**/loki/api/v1/tail*', async (route) => {
    if (!isFirst) return route.continue();
    isFirst = false;
    await push(server.url, [{ stream: { service_name: 'gaps' }, values }]);
    const frame = { streams: [], dropped_entries: values.map(([timestamp]) => ({ timestamp, labels: { service_name: 'gaps' } })) };
    await route.fulfill({ contentType: 'application/x-ndjson', body: `${JSON.stringify(frame)}\n` });
  });
  // What was missed is fetched when a tail begins; here it fails, so that the gap stays one.
  await page.route('**/query_range*direction=forward*', (route) => route.abort());
  await openSearch(page, server, '{service_name="auth"}');
  await page.locator('#query').fill('{service_name="gaps"}');
  await page.getByRole('button', { name: 'Follow' }).click();
  await expect(page.locator('.gap')).toContainText('30 lines came too fast');
  await page.getByRole('button', { name: 'Load them' }).click();
  await expect(page.locator('.gap')).toHaveCount(0);
  await expect(page.locator('#lines')).toHaveAttribute('aria-rowcount', '30');
  await expect(page.locator('.row-line').first()).toHaveText('dropped 29');
});
