// What changed: the outage of the sample is named, with counts that the server confirms.
import { expect, openSearch, searchUrl, test } from './server';

test('what changed names the lines of the outage with exact counts', async ({ page, server }) => {
  await fetch(`${server.url}/flush`, { method: 'POST' });
  const outage = { from: String(server.end - 3 * 3_600_000 * 0.29), to: String(server.end - 3 * 3_600_000 * 0.21) };
  await openSearch(page, server, '{service_name="payments"}', { from: outage.from.split('.')[0] ?? '', to: outage.to.split('.')[0] ?? '' });
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.keyboard.press('c');
  const row = page.locator('.changes-table tr', { hasText: 'gateway did not answer' }).first();
  await expect(row).toBeVisible();
  await expect(page.locator('.changes-head [role=status]')).toHaveCount(0, { timeout: 20_000 });
  const shown = Number(((await row.locator('.figure').nth(1).getAttribute('title')) ?? '').replaceAll(/\D/g, ''));
  await row.getByRole('button', { name: 'Only these lines' }).click();
  await expect(page.locator('#query')).toHaveValue(/\|> /);
  await expect(page.locator('.total')).toContainText(`${shown}`);
  await expect(page).not.toHaveURL(/show=changes/);
});

test('values with another share are found', async ({ page, server }) => {
  const end = Math.floor(server.end - 3 * 3_600_000 * 0.21);
  await page.goto(searchUrl(server, '{service_name="checkout"}', { from: String(end - 800_000), to: String(end), show: 'changes' }));
  await expect(page.locator('.changes-table .pattern', { hasText: 'status = 502' })).toBeVisible({ timeout: 20_000 });
  await expect(page.locator('.changes-table .pattern', { hasText: 'detected_level = error' })).toBeVisible();
});
