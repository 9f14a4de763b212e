// The other views: the map, sources, saved searches, rules.
import { expect, openSearch, test } from './server';

test('the map shows who talks to whom, by keyboard, and leads to the flows behind an edge', async ({ page, server }) => {
  await page.goto(`${server.url}/ui/`);
  await page.locator('.services').waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('m');
  const row = page.locator('.map tr', { hasText: 'shop/payments' }).filter({ hasText: 'platform/auth' });
  await expect(row).toContainText('14 (100%)');
  await expect(page.locator('.map-node')).toHaveCount(8);
  await expect(page.locator('.map-edge[data-kind=bad]')).toHaveCount(2);
  await page.getByRole('checkbox', { name: 'Only with denials' }).check();
  await expect(page.locator('.map-edge')).toHaveCount(2);
  await page.getByRole('radio', { name: 'Namespaces' }).click();
  await expect(page.locator('.map-node', { hasText: 'shop' })).toBeVisible();
  await page.getByRole('radio', { name: 'Workloads' }).click();
  await row.getByRole('button').focus();
  await page.keyboard.press('Enter');
  await expect(page.locator('.row')).toHaveCount(14);
  await expect(page.locator('.row-line').first()).toContainText('payments -> platform/auth');
});

test('a map without flows says what it is made of', async ({ page, empty }) => {
  await page.goto(`${empty.url}/ui/?view=map`);
  await expect(page.locator('.state h2')).toHaveText('No flows in this time');
});

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

test('sources name who was refused, why, and the setting that would allow it', async ({ page, server }) => {
  const source = {
    receiver: 'loki', client: '10.0.0.7', user_agent: 'promtail/3.0', tenant: 'fake', entries: 1234, bytes: 5, lag_seconds: 0.4,
    first_seen: '2026-12-01T00:00:00Z', last_seen: '2026-12-01T03:00:00Z', silent_seconds: 1,
    refused: [{ reason: 'line_too_long', count: 3, sample: '<img src=x onerror=alert(1)>', setting: 'limits_config.max_line_size', advice: 'Shorten the lines, or allow longer ones.' }],
  };
  const silent = { ...source, receiver: 'syslog', client: '10.0.0.9', user_agent: '', silent_seconds: 3600, refused: [] };
  await page.route('**/skald/api/v1/sources', (route) => route.fulfill({ json: { status: 'success', data: { sources: [silent, source] } } }));
  await page.goto(`${server.url}/ui/?view=sources`);
  await expect(page.locator('.refusals li')).toContainText('limits_config.max_line_size');
  await expect(page.locator('.refusals pre')).toHaveText('<img src=x onerror=alert(1)>');
  await expect(page.locator('.sources tbody tr').first()).toContainText('promtail');
  await expect(page.locator('.sources tbody tr').nth(1)).toContainText('silent');
});

test('a server without a ruler says so', async ({ page, server }) => {
  await page.goto(`${server.url}/ui/?view=rules`);
  await expect(page.locator('.state h2')).toHaveText('This server evaluates no rules');
});
