// Rules: what fires, what fails and why, what evaluations cost; and how to begin without any.
import { expect, test } from './server';

const at = (minute: number) => `2026-12-01T03:${String(minute).padStart(2, '0')}:00Z`;

const GROUP = {
  name: 'shop', file: 'team-a', interval: 60, limit: 0, lastEvaluation: at(19), evaluationTime: 0.2, missed: 3,
  rules: [
    {
      name: 'ChargesFail', type: 'alerting', state: 'firing', health: 'ok', lastError: '', query: 'sum(count_over_time({service_name="checkout"} |= "failed" [5m])) > 10',
      duration: 120, labels: { severity: 'page' }, annotations: {}, evaluationTime: 0.01,
      alerts: [{ labels: { alertname: 'ChargesFail', severity: 'page' }, annotations: { summary: '<b>63 charges failed</b>' }, state: 'firing', activeAt: at(2), value: '6.3e+01' }],
      history: Array.from({ length: 20 }, (_, i) => ({ at: at(19 - i), seconds: 0.004 + i / 1000, bytes: 12_345, lines: 100, samples: 1, ...(i === 5 ? { error: 'too much to read' } : {}) })),
      neverMatched: false,
    },
    { name: 'shop:lines:rate', type: 'recording', health: 'err', lastError: 'the query hit a limit', query: 'sum(rate({app="shp"}[1m]))', history: [], neverMatched: true },
  ],
};

test('rules show what fires and fails, with the reason, the cost and the lines behind', async ({ page, server }) => {
  await page.route('**/skald/api/v1/rules', (route) => route.fulfill({ json: { status: 'success', data: { groups: [GROUP] } } }));
  await page.goto(`${server.url}/ui/?view=rules`);
  const firing = page.getByRole('region', { name: 'Firing now' });
  await expect(firing.locator('tbody tr')).toContainText('severity=page');
  await expect(firing).toContainText('<b>63 charges failed</b>');
  await expect(firing.locator('.figure').last()).toHaveText('63');
  await expect(page.locator('.rules')).toContainText('3 evaluations were left out');
  const rule = page.locator('.rules tr', { hasText: 'shop:lines:rate' });
  await expect(rule).toContainText('fails');
  await expect(rule).toContainText('the query hit a limit');
  await expect(rule).toContainText('No stream ever matched it');
  await expect(page.locator('.history rect')).toHaveCount(20);
  await expect(page.locator('.history .level-error')).toHaveCount(1);
  await expect(page.getByRole('img', { name: '20 evaluations, 1 failed' })).toBeVisible();
  await firing.getByRole('button', { name: 'ChargesFail' }).click();
  await expect(page.locator('#query')).toHaveValue(/count_over_time/);
});

test('without rules the view shows how to add one, without a ruler what to do instead', async ({ page, server }) => {
  await page.route('**/skald/api/v1/rules', (route) => route.fulfill({ json: { status: 'success', data: { groups: [] } } }));
  await page.goto(`${server.url}/ui/?view=rules`);
  await expect(page.locator('.state h2')).toHaveText('No rules yet');
  await expect(page.locator('.state pre')).toContainText(`${server.url}/loki/api/v1/rules/first`);
  await page.route('**/skald/api/v1/rules', (route) => route.fulfill({ status: 404, body: '404 page not found' }));
  await page.route('**/prometheus/api/v1/rules', (route) => route.fulfill({ json: { status: 'success', data: { groups: [] } } }));
  await page.reload();
  await expect(page.locator('.state h2')).toHaveText('This server evaluates no rules');
});
