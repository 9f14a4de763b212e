// Home: services are sorted by what got worse.
import { push, shop } from './sample.mjs';
import { expect, test } from './server';

test('services whose errors grew come first, and their errors are a click away', async ({ page, blank: server }) => {
  const now = Date.now();
  await push(server.url, shop({ endMs: now, spanMs: 7_200_000, count: 4000 }));
  const values = Array.from({ length: 900 }, (_, i) => [`${now - 60_000 + i}000000`, `level=error msg="broken" n=${i}`]);
  await push(server.url, [{ stream: { service_name: 'worse' }, values }]);
  await page.goto(`${server.url}/ui/`);
  const first = page.locator('.services tbody tr').first();
  await expect(first.locator('th')).toHaveText('worse');
  await expect(first.locator('.change')).toHaveText('new');
  await first.locator('.errors').click();
  await expect(page.locator('.row').first()).toHaveAttribute('data-level', 'error');
  await expect(page.locator('.total')).toHaveText('900 lines');
});
