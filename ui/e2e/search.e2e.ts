// Search as a person uses it: links, filters, context, keys, paste, times.
import { expect, openSearch, searchUrl, test } from './server';

test('a link shows lines, marks and histogram without a click', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="checkout"} |= "charge failed"');
  await expect(page.locator('mark').first()).toHaveText('charge failed');
  await expect(page.locator('.bars rect.level-error').first()).toBeVisible();
  await expect(page.locator('.total')).toContainText('lines');
});

test('a level, a label and a field filter by click', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="checkout"}');
  await page.locator('.level-chip', { hasText: 'error' }).click();
  await expect(page.locator('#query')).toHaveValue('{service_name="checkout"} | detected_level="error"');
  await expect(page.locator('.row[data-level=info]')).toHaveCount(0);
  await page.locator('.field-name', { hasText: 'pod' }).click();
  await page.locator('.value', { hasText: 'checkout-1' }).hover();
  await page.getByRole('button', { name: 'Only pod = checkout-1' }).click();
  await expect(page.locator('#query')).toHaveValue('{service_name="checkout", pod="checkout-1"} | detected_level="error"');
  // The lines of the query before are shown until those of the new one are there.
  await expect(page.locator('.content')).toHaveAttribute('data-busy', 'false');
  await page.locator('.row').first().click();
  await page.locator('.json-leaf', { hasText: '502' }).hover();
  await page.getByRole('button', { name: 'Only status = 502' }).click();
  await expect(page.locator('#query')).toHaveValue('{service_name="checkout", pod="checkout-1"} | detected_level="error" | json | status="502"');
  await expect(page.locator('.row').first()).toBeVisible();
  await page.goBack();
  await expect(page.locator('#query')).toHaveValue('{service_name="checkout", pod="checkout-1"} | detected_level="error"');
});

test('top values are counted over the whole range', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="payments"}');
  await page.locator('.field-name', { hasText: 'region' }).click();
  await expect(page.locator('.value .value-count')).toHaveCount(2);
  const texts = await page.locator('.value .value-count').allTextContents();
  const sum = texts.reduce((total, text) => total + Number.parseFloat(text), 0);
  expect(Math.round(sum)).toBe(100);
});

test('the lines around open in place and widen', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="payments"} |= "did not answer"');
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  const rows = page.locator('.around-row');
  await expect(rows.first()).toBeVisible();
  expect(await rows.count()).toBeGreaterThan(10);
  await expect(page.locator('.around-row[data-target=true]')).toContainText('did not answer');
  const times = await page.locator('.around-row .row-time').allTextContents();
  expect(times).toEqual(times.toSorted());
  await page.getByRole('radio', { name: 'everything' }).click();
  await expect(page.locator('.around-other').first()).toBeVisible();
  await expect(page.locator('#query')).toHaveValue('{service_name="payments"} |= "did not answer"');
});

test('a link to a line finds it again in a fresh browser', async ({ page, server, browser }) => {
  await openSearch(page, server, '{service_name="nginx"}');
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.keyboard.press('End');
  for (let i = 0; i < 30; i++) await page.keyboard.press('PageDown');
  await page.keyboard.press('o');
  const line = await page.locator('.row[aria-expanded=true] .row-line').textContent();
  await page.getByRole('button', { name: 'Copy link to this line' }).click();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  const fresh = await browser.newPage();
  await fresh.goto(link);
  await expect(fresh.locator('.linked .row-line, .row[data-current=true] .row-line').first()).toHaveText(line ?? '');
  await fresh.close();
});

test('times are typed in words, pasted and in Korean', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="checkout"}');
  for (const [typed, from] of [['15m', 'now-15m'], ['now-1h 30m', 'now-1h30m'], ['최근 2시간', 'now-2h']]) {
    await page.keyboard.press('t');
    await page.keyboard.type(typed ?? '');
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(new RegExp(`from=${from}&`));
  }
  await page.keyboard.press('t');
  await page.keyboard.type('whenever');
  await page.keyboard.press('Enter');
  await expect(page.locator('.time-error')).toBeVisible();
});

test('a brush over the histogram zooms, z zooms out', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="checkout"}');
  await page.locator('.bars rect.level-info').first().waitFor();
  const box = await page.locator('.bars').boundingBox();
  if (!box) throw new Error('no bars');
  await page.mouse.move(box.x + box.width * 0.3, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 5 });
  await page.mouse.up();
  await expect(page).toHaveURL(/from=\d{13}&to=\d{13}/);
  const span = () => page.evaluate(() => Number(new URLSearchParams(location.search).get('to')) - Number(new URLSearchParams(location.search).get('from')));
  const before = await span();
  await page.keyboard.press('z');
  await expect.poll(span).toBeGreaterThan(before * 1.5);
});

test('a Grafana link, a curl line and a trace id run when pasted', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="checkout"}');
  const paste = async (text: string) => {
    await page.evaluate((data) => {
      const transfer = new DataTransfer();
      transfer.setData('text/plain', data);
      document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true }));
    }, text);
  };
  await paste(`https://g.example/explore?schemaVersion=1&panes=${encodeURIComponent(JSON.stringify({ a: { queries: [{ expr: '{service_name="auth"}' }], range: { from: 'now-2h', to: 'now' } } }))}`);
  await expect(page.locator('#query')).toHaveValue('{service_name="auth"}');
  await expect(page).toHaveURL(/from=now-2h/);
  await paste(`curl -sG http://h/loki/api/v1/query_range --data-urlencode 'query={service_name="nginx"} |= "502"' -d since=3h`);
  await expect(page.locator('#query')).toHaveValue('{service_name="nginx"} |= "502"');
  await openSearch(page, server, '{service_name="checkout"}');
  const id = /"trace_id":"([0-9a-f]{32})"/.exec((await page.locator('.row-line').first().textContent()) ?? '')?.[1] ?? '';
  await paste(id);
  await expect(page.locator('#query')).toHaveValue(`{} |= "${id}"`);
  await expect(page.locator('.row')).toHaveCount(1);
});

test('nothing found says why and offers ways that lead to lines', async ({ page, server }) => {
  await page.goto(searchUrl(server, '{service_name="checkout", pod="nginx-0"} |= "charge"'));
  await expect(page.locator('.why')).toContainText('no stream matches all');
  const way = page.getByRole('button', { name: /^Without pod = nginx-0: [\d,]+ lines$/ });
  await way.click();
  await expect(page.locator('.row').first()).toBeVisible();
});

test('metric queries are drawn and listed', async ({ page, server }) => {
  await page.goto(searchUrl(server, 'sum by (namespace) (rate({namespace=~".+"}[5m]))'));
  await expect(page.locator('.metric-table tbody tr')).toHaveCount(3);
  await expect(page.locator('.uplot canvas')).toBeVisible();
});

test('every row of the night needs no mouse', async ({ page, server }) => {
  await page.goto(`${server.url}/ui/`);
  await page.locator('.services').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('{service_name="inventory"}');
  await page.keyboard.press('Enter');
  await page.locator('.row').first().waitFor();
  await page.locator('body').press('Escape');
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.keyboard.press('e');
  await expect(page.locator('.row[data-current=true]')).toHaveAttribute('data-level', 'error');
  await page.keyboard.press('x');
  await expect(page.locator('.around-row').first()).toBeVisible();
  await page.keyboard.press('o');
  await expect(page.locator('.detail')).toHaveCount(0);
  await page.keyboard.press('w');
  await expect(page.locator('.lines-frame')).toHaveAttribute('data-wrap', 'on');
  await page.keyboard.press('w');
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await page.keyboard.press('g');
  await page.keyboard.press('h');
  await expect(page.locator('.services')).toBeVisible();
});
