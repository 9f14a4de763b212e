// The list of lines: its modes, what is chosen and copied, words that are found, and lines around in exact order.
import { push } from './sample.mjs';
import { expect, openSearch, test } from './server';

test('lines, table, JSON and patterns are views of one list', async ({ page, server }) => {
  await fetch(`${server.url}/flush`, { method: 'POST' });
  await openSearch(page, server, '{service_name="checkout"}');
  await page.locator('.field-name').first().waitFor();
  await page.keyboard.press('2');
  await expect(page).toHaveURL(/show=table/);
  await expect(page.locator('.lines-header .row-column', { hasText: /^status$/ })).toBeVisible();
  await expect(page.locator('.row-line')).toHaveCount(0);
  await page.keyboard.press('3');
  await expect(page.locator('.row-json').first()).toContainText('"service_name": "checkout"');
  await expect(page.locator('.row-json').first()).toContainText('    "msg"');
  await openSearch(page, server, '{service_name="payments"}');
  await page.keyboard.press('4');
  const kind = page.locator('.changes-table tr', { hasText: 'gateway did not answer' }).first();
  await expect(kind).toBeVisible();
  await expect(page.locator('.changes-head [role=status]')).toHaveCount(0, { timeout: 20_000 });
  const count = ((await kind.locator('.figure').first().getAttribute('title')) ?? '').replaceAll(/\D/g, '');
  await kind.getByRole('button', { name: 'Only these lines' }).click();
  await expect(page.locator('.total')).toHaveText(new RegExp(`^${Number(count).toLocaleString('en-US')} line`));
  await page.reload();
  await expect(page.locator('.row').first()).toBeVisible();
});

test('chosen lines are copied as text, JSON and Markdown by two keys', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="payments"}');
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  const shown = (await page.locator('.row-line').allTextContents()).slice(0, 3);
  for (const key of ['j', 'J', 'J']) await page.keyboard.press(key);
  await expect(page.locator('.row[aria-selected=true]')).toHaveCount(3);
  await expect(page.locator('.status')).toContainText('3 lines chosen');
  await page.keyboard.press('y');
  await expect.poll(async () => (await copied()).split('\n').map((line) => line.slice(24))).toEqual(shown);
  await page.keyboard.press('Y');
  await expect.poll(async () => (await copied()).split('\n').map((line) => (JSON.parse(line) as { line: string }).line)).toEqual(shown);
  await page.keyboard.press('m');
  await expect.poll(copied).toContain('| Time | Line |');
  expect((await copied()).split('\n')).toHaveLength(4 + 3);
  await page.keyboard.press('Escape');
  await expect(page.locator('.row[aria-selected=true]')).toHaveCount(0);
  await page.locator('.row').nth(1).click({ modifiers: ['Control'] });
  await page.locator('.row').nth(4).click({ modifiers: ['Shift'] });
  await expect(page.locator('.row[aria-selected=true]')).toHaveCount(4);
});

test('words are found in the lines without filtering them', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="checkout"}');
  const total = await page.locator('.total').textContent();
  await page.keyboard.press('h');
  await page.keyboard.type('CHARGE failed');
  await expect(page.locator('#find')).toBeFocused();
  await page.keyboard.press('Enter');
  const current = page.locator('.row[data-current=true]');
  await expect(current).toContainText('charge failed');
  await expect(current.locator('mark')).toHaveText('charge failed');
  const first = await current.getAttribute('aria-rowindex');
  await page.locator('#find').evaluate((element) => element.blur());
  await page.keyboard.press('n');
  await expect(current).not.toHaveAttribute('aria-rowindex', first ?? '');
  await page.keyboard.press('N');
  await expect(current).toHaveAttribute('aria-rowindex', first ?? '');
  await expect(page.locator('.total')).toHaveText(total ?? '');
});

test('lines of one nanosecond stay in the order they came in', async ({ page, server }) => {
  const ns = `${server.end - 60_000}000000`;
  await push(server.url, [{ stream: { service_name: 'ties' }, values: Array.from({ length: 8 }, (_, i) => [ns, `tie ${i}`]) }]);
  await openSearch(page, server, '{service_name="ties"} |= "tie 5"');
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await expect(page.locator('.around-row .row-line')).toHaveText(Array.from({ length: 8 }, (_, i) => `tie ${i}`));
  await expect(page.locator('.around-row[data-target=true]')).toHaveText(/tie 5/);
});

test('a server that allows small pages only is asked for no larger ones', async ({ page, server }) => {
  await page.route('**/query_range*', (route) => {
    const limit = Number(new URL(route.request().url()).searchParams.get('limit') ?? '0');
    return limit > 1000 ? route.fulfill({ status: 400, body: 'max entries limit per query exceeded, limit > max_entries_limit' }) : route.continue();
  });
  await openSearch(page, server, '{}');
  const list = page.locator('#lines');
  const count = async () => Number(await list.getAttribute('aria-rowcount'));
  while ((await count()) < 4000) {
    const before = await count();
    await list.evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await expect.poll(count, { intervals: [20, 50, 100] }).toBeGreaterThan(before);
  }
});
