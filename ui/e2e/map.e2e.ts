// The map: who talks to whom, out of flow logs as Hubble writes them.
import { hubble, push } from './sample.mjs';
import { expect, test } from './server';

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
  await expect(page.locator('.map-node title', { hasText: /^shop: / })).toHaveCount(1);
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

test('flows of Hubble become a map, whose slider leads to what was before', async ({ page, blank }) => {
  const now = Date.now();
  const send = async (body: string) => expect((await fetch(`${blank.url}/ingest/hubble`, { method: 'POST', body })).status).toBe(200);
  // Forty minutes ago there was no way to the database; now it is tried, and denied.
  await send(hubble(now - 2_400_000, { count: 3 }));
  await send(hubble(now, { count: 12, seed: 4 }));
  await page.goto(`${blank.url}/ui/?view=map&from=now-30m&to=now`);
  const denied = page.locator('.map tr', { hasText: 'data/orders-db' });
  await expect(denied).toContainText('3 (100%)');
  await expect(denied).toContainText('new');
  await expect(page.locator('.map-edge')).toHaveCount(2);
  await expect(page.locator('.map-time .note')).toContainText('12 flows, 3 denied');
  const slider = page.getByRole('slider', { name: 'Move through time' });
  await slider.focus();
  await page.keyboard.press('ArrowLeft');
  await expect(page.locator('.map-edge')).toHaveCount(1);
  await expect(page.locator('.map-time .note')).toContainText('3 flows, 0 denied');
  await expect(page).toHaveURL(/from=\d{13}&to=\d{13}/);
  await page.keyboard.press('End');
  await expect(denied).toContainText('3 (100%)');
  await denied.getByRole('button').click();
  await expect(page.locator('.row')).toHaveCount(3);
  await expect(page.locator('.row-line').first()).toContainText('POLICY_DENIED');
});

test('a node leaves its own edges, and denied ones stay by themselves', async ({ page, server }) => {
  await page.goto(`${server.url}/ui/?view=map`);
  await page.locator('.map-node', { hasText: 'payments' }).click();
  await expect(page.locator('.map-edge')).toHaveCount(3);
  await page.getByRole('button', { name: 'Show all' }).click();
  await expect(page.locator('.map-edge')).toHaveCount(11);
});

test('many edges are cut from the drawing, and stand in the table', async ({ page, blank }) => {
  const now = Date.now();
  const values = Array.from({ length: 90 }, (_, i) => [
    `${now - 60_000 + i}000000`, `flow ${i}`,
    { verdict: 'FORWARDED', src_namespace: 'a', src_workload: `w${i}`, dst_namespace: 'b', dst_workload: `x${i % 9}` },
  ]);
  await push(blank.url, [{ stream: { service_name: 'flows' }, values }]);
  await page.goto(`${blank.url}/ui/?view=map`);
  await expect(page.locator('.map > .note')).toContainText('60 busiest of 90');
  await expect(page.locator('.map-edge')).toHaveCount(60);
  await expect(page.locator('.map tbody tr')).toHaveCount(90);
});
