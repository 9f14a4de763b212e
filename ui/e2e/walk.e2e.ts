// A new user's first quarter of an hour: an empty server, its command, the line, the tail, zoom, a field, context, a link.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { push, shop } from './sample.mjs';
import { expect, test } from './server';

const run = promisify(execFile);

const PICTURES = process.env.SKALD_PICTURES;

test('from an empty server to a link that a colleague opens', async ({ page, blank, browser }) => {
  test.setTimeout(180_000);
  let step = 0;
  const picture = async (name: string) => {
    step++;
    if (PICTURES) await page.screenshot({ path: `${PICTURES}/walk-${step}-${name}.png` });
  };
  await page.goto(`${blank.url}/`);
  await expect(page).toHaveURL(/\/ui\/$/);
  const command = (await page.locator('.command pre').textContent()) ?? '';
  await picture('empty');
  await run('bash', ['-c', command]);
  await expect(page.locator('.first-line pre')).toContainText('hello from');
  await picture('arrived');
  await page.getByRole('button', { name: 'Open it in Search' }).click();
  await expect(page.locator('.row')).toHaveCount(1);
  await picture('found');

  await page.getByRole('button', { name: 'Follow' }).click();
  await expect(page.locator('.status')).toContainText('Following');
  await run('bash', ['-c', command.replace('hello from', 'again from')]);
  await expect(page.locator('.row-line').first()).toContainText('again from');
  await picture('tail');
  await page.getByRole('button', { name: 'Stop following' }).click();

  // More than hello: the shop's last hour, with an outage in it.
  const now = Date.now();
  await push(blank.url, shop({ endMs: now, spanMs: 3_600_000, count: 6000 }));
  await page.getByRole('button', { name: 'Home', exact: true }).click();
  await page.getByRole('button', { name: 'checkout' }).click();
  await expect(page.locator('.bars rect.level-error').first()).toBeVisible();
  await picture('service');
  const box = await page.locator('.bars').boundingBox();
  if (!box) throw new Error('no bars');
  const [from, to] = [box.x + box.width * 0.68, box.x + box.width * 0.82];
  await page.mouse.move(from, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(to, box.y + 40, { steps: 6 });
  await page.mouse.up();
  await expect(page).toHaveURL(/from=\d{13}/);
  await expect(page.locator('.content')).toHaveAttribute('data-busy', 'false');
  await picture('zoomed');

  await page.locator('.field-name', { hasText: /^status/ }).click();
  await page.locator('.value', { hasText: '502' }).hover();
  await page.getByRole('button', { name: 'Only status = 502' }).click();
  await expect(page.locator('#query')).toHaveValue('{service_name="checkout"} | json | status="502"');
  await expect(page.locator('.content')).toHaveAttribute('data-busy', 'false');
  await picture('field');

  await page.locator('.row').nth(2).click();
  await page.getByRole('button', { name: 'Lines around' }).click();
  await expect(page.locator('.around-row[data-target=true]')).toBeVisible();
  await expect(page.locator('.around-row .row-delta').first()).toContainText('−');
  await picture('around');

  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.getByRole('button', { name: 'Copy link to this line' }).click();
  const line = await page.locator('.row[aria-expanded=true] .row-line').textContent();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  const fresh = await (await browser.newContext()).newPage();
  await fresh.goto(link);
  await expect(fresh.locator('.linked .row-line, .row[data-current=true] .row-line').first()).toHaveText(line ?? '');
  if (PICTURES) await fresh.screenshot({ path: `${PICTURES}/walk-9-link.png` });
  await fresh.context().close();
});
