// Three in the morning: each thing one needs then, by keyboard alone, with no more keys than promised.
// A chord such as `g m` is one key; what is typed or pasted counts once.
import type { Page } from '@playwright/test';
import { push, shop } from './sample.mjs';
import { expect, openSearch, searchUrl, test, type Server } from './server';

/** Presses keys, and counts them. */
class Keys {
  pressed = 0;

  constructor(readonly page: Page) {}

  async press(...keys: string[]) {
    for (const key of keys) {
      this.pressed++;
      for (const each of key.split(' ')) await this.page.keyboard.press(each);
    }
  }

  async paste(text: string) {
    this.pressed++;
    await this.page.evaluate((data) => {
      const transfer = new DataTransfer();
      transfer.setData('text/plain', data);
      document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true }));
    }, text);
  }
}

const outage = ({ end }: Server) => ({ from: String(Math.floor(end - 3 * 3_600_000 * 0.29)), to: String(Math.floor(end - 3 * 3_600_000 * 0.21)) });

test('the link of an alert shows lines, marks and bars: nothing to press', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="payments"} |= "did not answer"', outage(server));
  await expect(page.locator('mark').first()).toHaveText('did not answer');
  await expect(page.locator('.bars rect.level-error').first()).toBeVisible();
});

test('who is shouting: one key from Home', async ({ page, blank }) => {
  const now = Date.now();
  await push(blank.url, shop({ endMs: now, spanMs: 7_200_000, count: 3000 }));
  await push(blank.url, [{ stream: { service_name: 'loud' }, values: Array.from({ length: 800 }, (_, i) => [`${now - 60_000 + i}000000`, `level=error n=${i}`]) }]);
  await page.goto(`${blank.url}/ui/`);
  await page.locator('.services').waitFor();
  const keys = new Keys(page);
  await keys.press('e');
  await expect(page.locator('#query')).toHaveValue(/^\{service_name="loud"\} \| detected_level/);
  await expect(page.locator('.row').first()).toHaveAttribute('data-level', 'error');
  expect(keys.pressed).toBeLessThanOrEqual(1);
});

test('a trace id: pasted anywhere, searched for in all there is', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="checkout"}');
  const id = /"trace_id":"([0-9a-f]{32})"/.exec((await page.locator('.row-line').first().textContent()) ?? '')?.[1] ?? '';
  await page.goto(`${server.url}/ui/`);
  await page.locator('.services').waitFor();
  const keys = new Keys(page);
  await keys.paste(id);
  await expect(page.locator('.row')).toHaveCount(1);
  await expect(page).toHaveURL(/from=now-\d+d/);
  await expect(page.locator('.status')).toContainText('read');
  expect(keys.pressed).toBeLessThanOrEqual(1);
});

test('what a colleague sent: pasted it runs, and the view is copied back as one', async ({ page, server }) => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto(`${server.url}/ui/`);
  await page.locator('.services').waitFor();
  const keys = new Keys(page);
  await keys.paste(`logcli query --since=2h '{service_name="auth"} |= "실패"'`);
  await expect(page.locator('.row').first()).toContainText('로그인 실패');
  expect(keys.pressed).toBeLessThanOrEqual(1);
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await keys.press('s');
  await expect(page.getByRole('menuitem').first()).toBeFocused();
  await keys.press('ArrowDown', 'ArrowDown', 'Enter');
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  await expect.poll(clipboard).toMatch(/^logcli .*\{service_name="auth"\} \|= "실패"/);
  const copied = await clipboard();
  await keys.paste(copied);
  await expect(page.locator('.row').first()).toContainText('로그인 실패');
});

test('what changed: two keys from the bad time', async ({ page, server }) => {
  await fetch(`${server.url}/flush`, { method: 'POST' });
  await openSearch(page, server, '{service_name="payments"}', outage(server));
  const keys = new Keys(page);
  await keys.press('c');
  await expect(page.locator('.changes-table tr', { hasText: 'gateway did not answer' }).first()).toBeVisible();
  expect(keys.pressed).toBeLessThanOrEqual(2);
});

test('what changed: a brush over the bad time, and a key', async ({ page, server }) => {
  await fetch(`${server.url}/flush`, { method: 'POST' });
  await openSearch(page, server, '{service_name="payments"}');
  await page.locator('.bars rect.level-error').first().waitFor();
  const box = await page.locator('.bars').boundingBox();
  if (!box) throw new Error('no bars');
  await page.mouse.move(box.x + box.width * 0.71, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.79, box.y + 40, { steps: 5 });
  await page.mouse.up();
  await expect(page).toHaveURL(/from=\d{13}/);
  await page.keyboard.press('c');
  await expect(page.locator('.changes-table tr', { hasText: 'gateway did not answer' }).first()).toBeVisible();
});

test('what came before: one key opens the lines around, in place', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="payments"} |= "did not answer"');
  await page.keyboard.press('j');
  const keys = new Keys(page);
  await keys.press('x');
  await expect(page.locator('.around-row').first()).toBeVisible();
  expect(keys.pressed).toBeLessThanOrEqual(1);
});

test('is the fix working: one key follows', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="auth"}', { from: 'now-15m' });
  const keys = new Keys(page);
  await keys.press('f');
  await expect(page.locator('.status')).toContainText('Following');
  await push(server.url, [{ stream: { service_name: 'auth' }, values: [[`${Date.now()}000000`, 'level=info msg="all is well"']] }]);
  await expect(page.locator('.row-line').first()).toContainText('all is well');
  expect(keys.pressed).toBeLessThanOrEqual(1);
  // Who scrolls to older lines reads them: the list holds still until he is back.
  await page.locator('#lines').hover();
  await page.mouse.wheel(0, 600);
  await expect(page.locator('.status')).toContainText('Paused');
  await push(server.url, [{ stream: { service_name: 'auth' }, values: [[`${Date.now()}000000`, 'level=info msg="meanwhile"']] }]);
  await expect(page.locator('.status')).toContainText('1 new lines wait');
  await page.mouse.wheel(0, -5000);
  await expect(page.locator('.row-line').first()).toContainText('meanwhile');
});

test('is this field the cause: two keys to the values of a field', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="checkout"}');
  await page.locator('.field-name').first().waitFor();
  const keys = new Keys(page);
  await keys.press('i', 'Enter');
  await expect(page.locator('.value .value-count').first()).toBeVisible();
  expect(keys.pressed).toBeLessThanOrEqual(2);
});

test('is this field the cause: two clicks filter by a value', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="checkout"}');
  await page.locator('.field-name', { hasText: /^status/ }).click();
  await page.locator('.value', { hasText: '502' }).hover();
  await page.getByRole('button', { name: 'Only status = 502' }).click();
  await expect(page.locator('#query')).toHaveValue(/\| json \| status="502"$/);
  await expect(page.locator('.row').first()).toBeVisible();
});

test('nothing found: one key takes the way that leads to lines', async ({ page, server }) => {
  await page.goto(searchUrl(server, '{service_name="checkout", pod="nginx-0"} |= "charge"'));
  await expect(page.locator('.ways button').first()).toBeFocused();
  const keys = new Keys(page);
  await keys.press('Enter');
  await expect(page.locator('.row').first()).toBeVisible();
  expect(keys.pressed).toBeLessThanOrEqual(1);
});

test('logs are missing: one key to who was refused, why, and the setting', async ({ page, picky }) => {
  await push(picky.url, [{ stream: { service_name: 'x' }, values: [[`${Date.now()}000000`, 'short']] }]);
  await push(picky.url, [{ stream: { service_name: 'x' }, values: [[`${Date.now()}000000`, 'y'.repeat(99)]] }]).catch(() => undefined);
  await openSearch(page, picky, '{service_name="x"}');
  const keys = new Keys(page);
  await keys.press('g o');
  await expect(page.locator('.refusals li')).toContainText('limits_config.max_line_size');
  expect(keys.pressed).toBeLessThanOrEqual(1);
});

test('who talks to whom: two keys to the map, of the same time', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="checkout"}', { from: 'now-1h' });
  const keys = new Keys(page);
  await keys.press('g m');
  await expect(page.locator('.map-edge[data-kind=bad]').first()).toBeVisible();
  await expect(page).toHaveURL(/from=now-1h/);
  expect(keys.pressed).toBeLessThanOrEqual(2);
});

test('hand over: two keys copy the chosen line', async ({ page, server }) => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await openSearch(page, server, '{service_name="inventory"}');
  await page.keyboard.press('j');
  const line = await page.locator('.row[data-current=true] .row-line').textContent();
  const keys = new Keys(page);
  await keys.press('Space', 'y');
  await expect(page.locator('.row[aria-selected=true]')).toHaveCount(1);
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain((line ?? '').slice(0, 30));
  expect(keys.pressed).toBeLessThanOrEqual(2);
});
