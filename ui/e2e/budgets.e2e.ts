// How fast and how small: each figure is printed, and fails beyond its budget times SLACK.
import type { CDPSession, Page } from '@playwright/test';
import { push } from './sample.mjs';
import { expect, median, openSearch, report, searchUrl, SLACK, test } from './server';

async function heapMb(session: CDPSession): Promise<number> {
  await session.send('HeapProfiler.collectGarbage');
  const { metrics } = await session.send('Performance.getMetrics');
  return (metrics.find((m) => m.name === 'JSHeapUsedSize')?.value ?? 0) / 1e6;
}

/** Notes the longest task of the main thread from now on. */
async function watchTasks(page: Page) {
  await page.evaluate(() => {
    const w = window as unknown as { longest: number };
    w.longest = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) w.longest = Math.max(w.longest, entry.duration);
    }).observe({ type: 'longtask' });
  });
}

const longestTask = (page: Page) => page.evaluate(() => (window as unknown as { longest: number }).longest);

test('the first line is there soon, cold', async ({ browser, server }) => {
  for (const [throttle, budget] of [[1, 400], [4, 1200]] as const) {
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      const context = await browser.newContext();
      const page = await context.newPage();
      const session = await context.newCDPSession(page);
      await session.send('Emulation.setCPUThrottlingRate', { rate: throttle });
      await page.goto(searchUrl(server, '{service_name="checkout"}'), { waitUntil: 'commit' });
      await page.locator('.row').first().waitFor();
      times.push(await page.evaluate(() => performance.getEntriesByName('lines')[0]?.startTime ?? Infinity));
      await context.close();
    }
    report(`first line, CPU throttled ${throttle}×, median of 5`, median(times), 'ms');
    expect(median(times)).toBeLessThan(budget * SLACK);
  }
});

test('tens of thousands of lines scroll without a stop in little memory', async ({ page, server }) => {
  test.setTimeout(120_000);
  await openSearch(page, server, '{}');
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const list = page.locator('#lines');
  const count = async () => Number(await list.getAttribute('aria-rowcount'));
  while ((await count()) < 39_000) {
    const before = await count();
    await list.evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await expect.poll(count).toBeGreaterThan(before);
  }
  await watchTasks(page);
  await list.evaluate((element) => element.scrollTo(0, 0));
  const frames = await page.evaluate(async () => {
    const element = document.querySelector('#lines');
    const gaps: number[] = [];
    let last = performance.now();
    for (let i = 0; i < 180; i++) {
      element?.scrollBy(0, 900);
      await new Promise(requestAnimationFrame);
      gaps.push(performance.now() - last);
      last = performance.now();
    }
    return gaps.toSorted((a, b) => a - b);
  });
  const nodes = await page.evaluate(() => document.querySelectorAll('*').length);
  report('frame gap while scrolling, p95 (software compositing)', frames[Math.floor(frames.length * 0.95)] ?? 0, 'ms');
  report('longest task while scrolling', await longestTask(page), 'ms');
  report('nodes', nodes, '');
  const heap = await heapMb(session);
  report(`heap at ${await count()} lines`, heap, 'MB');
  expect(nodes).toBeLessThan(3000);
  expect(await longestTask(page)).toBeLessThan(50 * SLACK);
  expect(heap).toBeLessThan(150);
});

test('memory is flat over many queries', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="checkout"}');
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const ask = async (i: number) => {
    await page.locator('#query').fill(`{service_name="checkout"} |= "user-${i % 40}"`);
    await page.keyboard.press('Enter');
    await expect(page.locator('.content')).toHaveAttribute('data-busy', 'false');
    await page.locator('mark').first().waitFor();
  };
  for (let i = 0; i < 10; i++) await ask(i);
  const before = await heapMb(session);
  for (let i = 10; i < 50; i++) await ask(i);
  const after = await heapMb(session);
  report('heap after 10 and after 50 queries', before, `MB, ${after.toFixed(1)} MB`);
  expect(after).toBeLessThan(before * 1.25 + 3);
});

test('a tail of 5,000 lines a second accounts for each and answers clicks', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="auth"}');
  await page.locator('#query').fill('{service_name="flood"}');
  await page.getByRole('button', { name: 'Follow' }).click();
  await expect(page.locator('.status')).toContainText('Following');
  await watchTasks(page);
  const seconds = 6;
  let pushed = 0;
  const clicks: number[] = [];
  for (let tick = 0; tick < seconds * 10; tick++) {
    const began = performance.now();
    const values = Array.from({ length: 500 }, (_, i) => [`${Date.now()}${String(i).padStart(6, '0')}`, `level=info n=${pushed + i} msg="flood"`]);
    await push(server.url, [{ stream: { service_name: 'flood' }, values }]);
    pushed += 500;
    if (tick % 20 === 10) {
      const at = performance.now();
      await page.keyboard.press('w');
      await expect(page.locator('.lines-frame')).toHaveAttribute('data-wrap', tick % 40 === 10 ? 'on' : 'off');
      clicks.push(performance.now() - at);
    }
    await new Promise((r) => setTimeout(r, Math.max(0, 100 - (performance.now() - began))));
  }
  const counted = async () => Number(/([\d,]+) lines since/.exec((await page.locator('.status').textContent()) ?? '')?.[1]?.replaceAll(',', ''));
  await expect.poll(counted, { timeout: 15_000 }).toBe(pushed);
  report('lines pushed and accounted for', pushed, '');
  report('longest task', await longestTask(page), 'ms');
  report('key to change, median (with the test\'s own round trips)', median(clicks), 'ms');
  expect(await longestTask(page)).toBeLessThan(100 * SLACK);
  expect(median(clicks)).toBeLessThan(100 * SLACK);
});

test('a pause holds still, and going on loses nothing', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="auth"}');
  await page.locator('#query').fill('{service_name="held"}');
  await page.getByRole('button', { name: 'Follow' }).click();
  await expect(page.locator('.status')).toContainText('Following');
  const send = (from: number) => push(server.url, [{ stream: { service_name: 'held' }, values: Array.from({ length: 100 }, (_, i) => [`${Date.now()}${String(i).padStart(6, '0')}`, `n=${from + i}`]) }]);
  await send(0);
  await expect(page.locator('#lines')).toHaveAttribute('aria-rowcount', '100');
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.keyboard.press('f');
  await expect(page.locator('.status')).toContainText('Paused');
  await page.evaluate(() => {
    const w = window as unknown as { changes: number };
    w.changes = 0;
    const list = document.querySelector('.lines-all');
    if (list) new MutationObserver((records) => (w.changes += records.length)).observe(list, { childList: true, subtree: true, characterData: true });
  });
  await send(100);
  await expect(page.locator('.status')).toContainText('100 new lines wait');
  expect(await page.evaluate(() => (window as unknown as { changes: number }).changes)).toBe(0);
  await page.keyboard.press('f');
  await expect(page.locator('#lines')).toHaveAttribute('aria-rowcount', '200');
  await expect(page.locator('.row-line').first()).toHaveText('n=199');
});

test('a line of 20 MB and metadata of 64 KB stop nothing', async ({ page, server }) => {
  const line = `{"a":"${'x'.repeat(20_000_000)}"}`;
  const answer = (text: string) => JSON.stringify({
    status: 'success',
    data: { resultType: 'streams', result: [{ stream: { app: 'big' }, values: [['1796095411380571415', text, { structuredMetadata: { huge: 'm'.repeat(65_536) } }]] }], stats: {} },
  });
  await page.route('**/loki/api/v1/query_range*', async (route) => {
    if (route.request().url().includes('sum+by')) return route.fulfill({ body: '{"data":{"resultType":"matrix","result":[]}}' });
    return route.fulfill({ contentType: 'application/json', body: answer(line) });
  });
  await page.goto(searchUrl(server, '{app="big"}'));
  await page.locator('.row').first().waitFor();
  await watchTasks(page);
  for (const key of ['j', 'o', 'w', 'p', 'o', 'w', 'p']) {
    await page.keyboard.press(key);
    await page.evaluate(() => new Promise((done) => setTimeout(done, 100)));
  }
  report('longest task with a line of 20 MB', await longestTask(page), 'ms');
  expect(await longestTask(page)).toBeLessThan(100 * SLACK);
});
