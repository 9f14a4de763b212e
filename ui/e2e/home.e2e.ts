// Home: an empty server is filled by the command it shows, and services are sorted by what got worse.
import { execFileSync } from 'node:child_process';
import { push, shop } from './sample.mjs';
import { expect, test } from './server';

test('the command on an empty server brings the first line, which is found and shared', async ({ page, blank, browser }) => {
  await page.goto(`${blank.url}/ui/`);
  const command = (await page.locator('.command pre').textContent()) ?? '';
  execFileSync('bash', ['-c', command]);
  await expect(page.locator('.first-line pre')).toContainText('hello from');
  await page.getByRole('button', { name: 'Open it in Search' }).click();
  await expect(page.locator('.row')).toHaveCount(1);
  await page.locator('.row').click();
  await page.locator('.pairs tr', { hasText: 'service_name' }).hover();
  await page.getByRole('button', { name: 'Only service_name = hello' }).click();
  await expect(page.locator('#query')).toHaveValue('{service_name="hello"}');
  const fresh = await browser.newPage();
  await fresh.goto(page.url());
  await expect(fresh.locator('.row')).toHaveCount(1);
  await fresh.close();
});

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
