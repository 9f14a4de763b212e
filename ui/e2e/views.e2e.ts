// Saved searches.
import { expect, openSearch, test } from './server';

test('a search is saved with its columns and opened again from the list', async ({ page, blank, server }) => {
  await page.goto(`${blank.url}/ui/?view=saved`);
  await expect(page.locator('.saved')).toContainText('Nothing is saved yet');
  await expect(page.locator('.shipped')).toHaveCount(3);
  await openSearch(page, server, '{service_name="checkout"} |= "charge"', { columns: 'status' });
  await page.keyboard.press('S');
  await page.getByRole('dialog').getByLabel('Name').fill('요금 실패');
  await page.keyboard.press('Enter');
  await expect(page.locator('.toast')).toContainText('요금 실패');
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.goto(`${server.url}/ui/?view=saved`);
  await page.getByRole('button', { name: '요금 실패', exact: true }).click();
  await expect(page.locator('#query')).toHaveValue('{service_name="checkout"} |= "charge"');
  await expect(page).toHaveURL(/columns=status/);
  await expect(page.locator('.row').first()).toBeVisible();
  await page.goto(`${server.url}/ui/?view=saved`);
  await page.getByRole('button', { name: 'Remove 요금 실패' }).click();
  await expect(page.getByRole('button', { name: '요금 실패', exact: true })).toHaveCount(0);
});

test('every shipped search is a query', async ({ server }) => {
  const { SHIPPED } = await import('../src/saved/shipped');
  for (const { query } of SHIPPED.flatMap((set) => set.searches)) {
    const params = new URLSearchParams({ query });
    const answer = (await (await fetch(`${server.url}/skald/api/v1/parse?${params.toString()}`)).json()) as { data: { valid: boolean } };
    expect(answer.data.valid, query).toBe(true);
  }
});
