import { defineConfig } from '@playwright/test';

// One worker: the budgets are those of a browser that has the machine for itself.
export default defineConfig({
  testDir: '.',
  testMatch: '*.e2e.ts',
  workers: 1,
  timeout: 60_000,
  reporter: [['list']],
  outputDir: process.env.SKALD_E2E_OUTPUT ?? '/tmp/skald-e2e',
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
