// How does the page compare with VictoriaLogs' own, on the same lines and machine? Both are asked in turn.
// node e2e/beside.mjs http://127.0.0.1:3100 http://127.0.0.1:9428     (go install .../app/victoria-logs; both empty)
import { chromium } from '@playwright/test';
import { push, shop } from './sample.mjs';

const [skald = 'http://127.0.0.1:3100', victoria = 'http://127.0.0.1:9428'] = process.argv.slice(2);
const ROUNDS = 5;
const TAIL_SECONDS = 6;

/** The same push to each: VictoriaLogs takes Loki's, with the line as it is. */
async function insert(streams) {
  await push(skald, streams);
  for (const { stream, values } of streams) {
    for (let at = 0; at < values.length; at += 5000) {
      const body = JSON.stringify({ streams: [{ stream, values: values.slice(at, at + 5000) }] });
      const response = await fetch(`${victoria}/insert/loki/api/v1/push?disable_message_parsing=1`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    }
  }
}

const params = (pairs) => new URLSearchParams(pairs).toString();
const PAGES = [
  {
    name: 'Skald', row: '.row',
    search: () => `${skald}/ui/?${params({ query: '{service_name="checkout"}', from: 'now-3h', to: 'now' })}`,
    follow: async (page) => {
      await page.goto(`${skald}/ui/?${params({ query: '{service_name="flood"}', from: 'now-5m', to: 'now' })}`);
      await page.getByRole('button', { name: 'Follow' }).click();
    },
  },
  {
    name: 'VictoriaLogs', row: '[class*=group-logs-row]',
    search: () => `${victoria}/select/vmui/#/?${params({ query: 'service_name:checkout', 'g0.range_input': '3h', 'g0.relative_time': 'last_3_hours', limit: '200' })}`,
    follow: async (page) => {
      await page.goto(`${victoria}/select/vmui/#/?${params({ query: 'service_name:flood', 'g0.range_input': '5m', 'g0.relative_time': 'last_5_minutes' })}`);
      await page.getByText('Live', { exact: true }).first().click();
    },
  },
];

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Notes when the first row is drawn, and the longest task. */
function watch(row) {
  window.longest = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.longest = Math.max(window.longest, entry.duration)))).observe({ type: 'longtask', buffered: true });
  const look = () => {
    if (document.querySelector(row)) window.firstRow = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

async function opened(browser, { row, search }, throttle) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 860 } });
  const page = await context.newPage();
  await page.addInitScript(watch, row);
  const session = await context.newCDPSession(page);
  let bytes = 0;
  await session.send('Network.enable');
  await session.send('Performance.enable');
  await session.send('Emulation.setCPUThrottlingRate', { rate: throttle });
  session.on('Network.loadingFinished', (event) => (bytes += event.encodedDataLength));
  await page.goto(search());
  await page.waitForFunction(() => window.firstRow !== undefined);
  const first = await page.evaluate(() => window.firstRow);
  await page.waitForTimeout(2000);
  await session.send('HeapProfiler.collectGarbage');
  const { metrics } = await session.send('Performance.getMetrics');
  const heap = metrics.find((m) => m.name === 'JSHeapUsedSize').value / 1e6;
  const longest = await page.evaluate(() => window.longest);
  await context.close();
  return { first, bytes, heap, longest };
}

async function tailed(browser, { row, follow }) {
  const page = await (await browser.newContext({ viewport: { width: 1360, height: 860 } })).newPage();
  await page.addInitScript(watch, row);
  await follow(page);
  await page.waitForTimeout(2000);
  await page.evaluate(() => (window.longest = 0));
  let pushed = 0;
  for (let tick = 0; tick < TAIL_SECONDS * 10; tick++) {
    const began = performance.now();
    const values = Array.from({ length: 500 }, (_, i) => [`${Date.now()}${String(i).padStart(6, '0')}`, `level=info n=${pushed + i} msg="flood"`]);
    await insert([{ stream: { service_name: 'flood' }, values }]);
    pushed += 500;
    await new Promise((done) => setTimeout(done, Math.max(0, 100 - (performance.now() - began))));
  }
  await page.waitForTimeout(4000);
  const text = await page.locator('body').innerText();
  const longest = await page.evaluate(() => window.longest);
  await page.context().close();
  return { pushed, longest, says: /[\d,]+ lines since|Total logs returned: [\d,]+|[\d,]+ logs/.exec(text)?.[0] ?? '', warns: /[^\n]*(only|dropped|too many|limit)[^\n]*/i.exec(text)?.[0] ?? '' };
}

await insert(shop({ endMs: Date.now(), spanMs: 3 * 3_600_000, count: 40_000 }));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
for (const throttle of [1, 4]) {
  const found = new Map(PAGES.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) for (const page of PAGES) found.get(page.name).push(await opened(browser, page, throttle));
  for (const [name, all] of found) {
    const of = (key) => median(all.map((each) => each[key])).toFixed(key === 'heap' ? 1 : 0);
    console.log(`${name}, CPU throttled ${throttle}×: first line ${of('first')} ms, ${of('bytes')} bytes, longest task ${of('longest')} ms, heap ${of('heap')} MB`);
  }
}
for (const page of PAGES) console.log(page.name, 'tail', JSON.stringify(await tailed(browser, page)));
await browser.close();
