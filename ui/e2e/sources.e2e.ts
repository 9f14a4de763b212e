// Sources: real senders by several receivers, what was refused of them and why, and a path that is none.
import { connect } from 'node:net';
import { expect, test, type Server } from './server';

interface WireListener {
  protocol: string;
  address: string;
}

async function syslogAddress({ url }: Server): Promise<[string, number]> {
  const answer = (await (await fetch(`${url}/skald/api/v1/sources`)).json()) as { data: { listeners: WireListener[] } };
  const [host = '', port = ''] = (answer.data.listeners.find((one) => one.protocol === 'syslog tcp')?.address ?? '').split(':');
  return [host, Number(port)];
}

async function sendSyslog(server: Server, text: string) {
  const [host, port] = await syslogAddress(server);
  await new Promise<void>((resolve, reject) => {
    const socket = connect(port, host, () => socket.end(text));
    socket.on('error', reject);
    socket.on('close', () => resolve());
  });
}

const post = (url: string, path: string, agent: string, body: string, type = 'application/json') =>
  fetch(url + path, { method: 'POST', headers: { 'content-type': type, 'user-agent': agent }, body }).then((r) => r.status);

test('senders of several receivers are listed with what was refused, why, and the setting that would allow it', async ({ page, picky }) => {
  const now = `${Date.now()}000000`;
  const loki = (line: string) => JSON.stringify({ streams: [{ stream: { app: 'a' }, values: [[now, line]] }] });
  expect(await post(picky.url, '/loki/api/v1/push', 'promtail/3.0', loki('short'))).toBe(204);
  expect(await post(picky.url, '/loki/api/v1/push', 'promtail/3.0', loki('<img src=x onerror=alert(1)>'.repeat(4)))).toBe(400);
  expect(await post(picky.url, '/_bulk', 'filebeat/8', `{"create":{"_index":"x"}}\n{"message":"by bulk"}\n`, 'application/x-ndjson')).toBe(200);
  expect(await post(picky.url, '/loki/api/v1/pushes', 'lost/1.0', '{}')).toBe(404);
  await sendSyslog(picky, '<34>1 2026-12-01T00:00:00Z host1 su - - - hello\n');
  await page.goto(`${picky.url}/ui/?view=sources`);
  const refused = page.locator('.refusals li', { hasText: 'line_too_long' });
  await expect(refused).toContainText('limits_config.max_line_size');
  await expect(refused.locator('pre')).toContainText('<img src=x onerror=alert(1)>');
  const unknown = page.locator('.refusals li', { hasText: 'unknown_path' });
  await expect(unknown.locator('pre')).toHaveText('POST /loki/api/v1/pushes');
  await expect(unknown).toContainText('/loki/api/v1/push,');
  const row = (text: string) => page.locator('.sources tbody tr', { hasText: text });
  await expect(row('promtail/3.0')).toContainText('loki');
  await expect(row('filebeat/8')).toContainText('elasticsearch');
  await expect(row('lost/1.0')).toContainText('none');
  await expect(page.locator('.sources h2', { hasText: 'Where the server listens' })).toBeVisible();
  await expect(row('syslog tcp')).toContainText('1 messages', { timeout: 20_000 });
});

test('a sender that fell silent is marked, and refusals stand first', async ({ page, server }) => {
  const source = { receiver: 'loki', client: '10.0.0.7', user_agent: 'promtail/3.0', tenant: 'fake', entries: 1234, bytes: 5, lag_seconds: 0.4, first_seen: '2026-12-01T00:00:00Z', last_seen: '2026-12-01T03:00:00Z', silent_seconds: 1, refused: [{ reason: 'line_too_long', count: 3, sample: 'x', setting: null, advice: null }] };
  const silent = { ...source, receiver: 'syslog', client: '10.0.0.9', user_agent: '', silent_seconds: 3600, lag_seconds: 7200, refused: [] };
  await page.route('**/skald/api/v1/sources', (route) => route.fulfill({ json: { status: 'success', data: { sources: [silent, source], forgotten: 2 } } }));
  await page.goto(`${server.url}/ui/?view=sources`);
  await expect(page.locator('.sources tbody tr').first()).toContainText('promtail');
  await expect(page.locator('.sources tbody tr').nth(1)).toContainText('silent');
  await expect(page.locator('.sources tbody tr').nth(1)).toContainText('2h');
  await expect(page.locator('.sources')).toContainText('2 senders that were silent');
});
