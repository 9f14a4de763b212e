// A server of its own for each file of tests, over a directory that goes with it; and a page that watches itself.
import { test as base, expect, type Page } from '@playwright/test';
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withDist } from './dist.mjs';
import { flows, hostile, push, shop } from './sample.mjs';

const BINARY = process.env.SKALD ?? new URL('../../target/release/skald', import.meta.url).pathname;

export interface Server {
  url: string;
  /** End of the sample's hours, in milliseconds. */
  end: number;
}

async function start(data: string, more: string[] = []): Promise<{ process: ChildProcess; url: string }> {
  const child = spawn(BINARY, ['serve', '--listen', '127.0.0.1:0', '--data', data, '--self_logs', 'false', ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  const url = await new Promise<string>((resolve, reject) => {
    const look = (chunk: Buffer) => {
      out += chunk.toString();
      const found = /listening on (http:\S+[0-9])/.exec(out);
      if (found?.[1]) resolve(found[1]);
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.on('exit', () => reject(new Error(`the server ended: ${out}`)));
  });
  for (let i = 0; i < 100 && !(await fetch(`${url}/ready`).then((r) => r.ok, () => false)); i++) await new Promise((r) => setTimeout(r, 50));
  return { process: child, url };
}

interface Fixtures {
  /** What went wrong in the page: console errors, refused content, dialogs. */
  trouble: string[];
  /** An empty server of this test alone, which may fill it. */
  blank: Server;
  /** A server of this test alone that asks for a token. */
  guarded: Server;
  /** A server of this test alone that listens for syslog and takes short lines only. */
  picky: Server;
}

interface WorkerFixtures {
  /** Stays empty. */
  empty: Server;
  server: Server;
}

/** The token of `guarded`. */
export const TOKEN = 'skald_of_the_tests';

/** A file with the token, which may read and write tenants a and b. */
function tokensFile(folder: string): string {
  const file = join(folder, 'tokens.yaml');
  const hash = createHash('sha256').update(TOKEN).digest('hex');
  writeFileSync(file, `tokens: [{name: night, sha256: ${hash}, tenants: [a, b], rights: [read, write]}]\n`);
  return file;
}

/** Lines of at most 60 bytes, and syslog over TCP. */
function pickyConfig(folder: string): string {
  const file = join(folder, 'skald.yaml');
  writeFileSync(file, "auth_enabled: false\nlimits_config: {max_line_size: 60}\nsyslog: {listeners: [{address: '127.0.0.1:0', protocol: tcp}]}\n");
  return file;
}

async function served(use: (server: Server) => Promise<void>, fill: (url: string, end: number) => Promise<void>, more: (folder: string) => string[] = () => []) {
  const data = mkdtempSync(join(tmpdir(), 'skald-e2e-'));
  const { process: child, url } = await start(join(data, 'data'), more(data));
  const end = Date.now();
  await fill(url, end);
  // SKALD_DIST=dist shows the page as it was built last, without a build of the server.
  const proxy = process.env.SKALD_DIST ? await withDist(url, process.env.SKALD_DIST) : { url, close: () => undefined };
  await use({ url: proxy.url, end });
  proxy.close();
  child.kill();
  await new Promise((resolve) => child.once('exit', resolve));
  rmSync(data, { recursive: true, force: true });
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  empty: [async ({}, use) => served(use, async () => undefined), { scope: 'worker' }],
  server: [
    async ({}, use) =>
      served(use, async (url, end) => {
        await push(url, shop({ endMs: end, spanMs: 3 * 3_600_000, count: 40_000 }));
        await push(url, hostile(end));
        await push(url, flows(end));
      }),
    { scope: 'worker' },
  ],
  blank: async ({}, use) => served(use, async () => undefined),
  guarded: async ({}, use) => served(use, async () => undefined, (folder) => ['--auth_enabled', 'true', '--auth.tokens_file', tokensFile(folder)]),
  picky: async ({}, use) => served(use, async () => undefined, (folder) => ['--config.file', pickyConfig(folder)]),
  trouble: [
    async ({ page }, use) => {
      const found: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) found.push(message.text());
      });
      page.on('pageerror', (error) => found.push(String(error)));
      page.on('dialog', (dialog) => {
        found.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      await use(found);
      expect(found, 'nothing went wrong in the page').toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

/** The address of Search. */
export function searchUrl({ url }: Server, query: string, extra: Record<string, string> = {}): string {
  return `${url}/ui/?${new URLSearchParams({ query, from: 'now-3h', to: 'now', ...extra }).toString()}`;
}

export async function openSearch(page: Page, server: Server, query: string, extra: Record<string, string> = {}) {
  await page.goto(searchUrl(server, query, extra));
  await page.locator('.row').first().waitFor();
}

/** Budgets are for a machine that does nothing else; this much slower still passes. */
export const SLACK = Number(process.env.SKALD_BUDGET_SLACK ?? '3');

export function report(name: string, value: number, unit: string) {
  console.log(`    ${name}: ${value.toFixed(value < 10 ? 1 : 0)} ${unit}`);
}

export const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
