import { defineConfig } from '@playwright/test';

// Two pages at once, each with a server of its own. The budgets come last, in a browser that has the machine for itself.
export default defineConfig({
  testDir: '.',
  workers: 2,
  fullyParallel: true,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  outputDir: process.env.SKALD_E2E_OUTPUT ?? '/tmp/skald-e2e',
  projects: [
    { name: 'page', testMatch: '*.e2e.ts', testIgnore: 'budgets.e2e.ts' },
    { name: 'budgets', testMatch: 'budgets.e2e.ts', dependencies: ['page'], workers: 1, fullyParallel: false },
  ],
  use: {
    viewport: { width: 1360, height: 860 },
    timezoneId: 'UTC',
    locale: 'en-US',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--enable-precise-memory-info'],
    },
  },
});
