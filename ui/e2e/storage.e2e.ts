// Storage: figures of the sample, and a delete that is counted first and taken back.
import { push } from './sample.mjs';
import { expect, test } from './server';

test('a delete is counted first, hides its lines and can be taken back', async ({ page, server }) => {
  const at = server.end - 3_600_000;
  await push(server.url, [{ stream: { service_name: 'secrets' }, values: Array.from({ length: 7 }, (_, i) => [`${at + i}000000`, `token=${i}`]) }]);
  await page.goto(`${server.url}/ui/?view=storage`);
  await expect(page.locator('.services').first()).toContainText('checkout');
  await page.getByLabel('LogQL query').fill('{service_name="secrets"} |= "token"');
  await page.locator('.deletes').getByLabel('Time range').fill('now-2h to now-30m');
  await page.getByRole('button', { name: 'Count first' }).click();
  await expect(page.locator('.delete-count')).toContainText('7 lines match');
  await page.getByRole('button', { name: 'Delete 7 lines' }).click();
  await expect(page.locator('.deletes table')).toContainText('secrets');
  const left = async () => {
    const params = new URLSearchParams({ query: '{service_name="secrets"}', start: `${at - 1000}000000` });
    const answer = (await (await fetch(`${server.url}/loki/api/v1/query_range?${params.toString()}`)).json()) as { data: { result: unknown[] } };
    return answer.data.result.length;
  };
  await expect.poll(left).toBe(0);
  await page.getByRole('button', { name: 'Take back' }).click();
  await expect.poll(left).toBe(1);
});
