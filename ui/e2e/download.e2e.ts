// Downloads: the browser takes them from the server, whatever their size, as the tenant and the session of the page.
import type { Download, Page } from '@playwright/test';
import { push } from './sample.mjs';
import { expect, openSearch, test, TOKEN } from './server';

async function downloaded(page: Page, format: string): Promise<{ download: Download; text: string }> {
  await page.getByRole('button', { name: 'Download' }).click();
  const waiting = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: format }).click();
  const download = await waiting;
  let text = '';
  for await (const chunk of await download.createReadStream()) text += (chunk as Buffer).toString();
  return { download, text };
}

test('all lines of a range come from the server as JSON, text and CSV', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="checkout"} |= "charge failed"');
  const total = Number(((await page.locator('.total').textContent()) ?? '').replaceAll(/\D/g, ''));
  const json = await downloaded(page, 'JSON');
  expect(json.download.url()).toContain('/skald/api/v1/export?');
  expect(json.download.suggestedFilename()).toMatch(/^skald-.*\.jsonl$/);
  expect(json.text.trim().split('\n')).toHaveLength(total);
  const text = await downloaded(page, 'text');
  expect(text.text.trim().split('\n')[0]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z \{"level":"error"/);
  const csv = await downloaded(page, 'CSV');
  expect(csv.text.split('\r\n')[0]).toBe('time,detected_level,namespace,pod,service_name,line');
});

test('a column that is a field of the line is in the CSV', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="checkout"} |= "charge failed"', { columns: 'pod,status' });
  await page.locator('.field-name').first().waitFor();
  const { text } = await downloaded(page, 'CSV');
  expect(text.split('\r\n').slice(0, 2).join('\n')).toMatch(/^time,pod,status,line\n[^,]+,checkout-\d,502,/);
});

test('a download needs the session and names its tenant', async ({ page, guarded }) => {
  const headers = { 'content-type': 'application/json', 'x-scope-orgid': 'b', authorization: `Bearer ${TOKEN}` };
  const values = [[`${Date.now()}000000`, 'of b']];
  await fetch(`${guarded.url}/loki/api/v1/push`, { method: 'POST', headers, body: JSON.stringify({ streams: [{ stream: { service_name: 'vault' }, values }] }) });
  await page.goto(`${guarded.url}/ui/?query=%7Bservice_name%3D%22vault%22%7D&tenant=b`);
  await page.getByLabel('Token').fill(TOKEN);
  await page.keyboard.press('Enter');
  await expect(page.locator('.row-line')).toHaveText('of b');
  const { text } = await downloaded(page, 'text');
  expect(text).toContain('of b');
});

test('what a download can not give is said', async ({ page, blank }) => {
  await push(blank.url, [{ stream: { service_name: 'x' }, values: [[`${Date.now()}000000`, 'x']] }]);
  await openSearch(page, blank, '{service_name="x"}');
  await page.route('**/skald/api/v1/export*', (route) => route.fulfill({ status: 429, body: 'too many exports' }));
  await page.getByRole('button', { name: 'Download' }).click();
  await page.getByRole('menuitem', { name: 'CSV' }).click();
  await expect(page.locator('.toast')).toHaveText('too many exports');
});
