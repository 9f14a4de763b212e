// For work on the page: a proxy that serves the page's files from a folder, with the server's headers, and passes on the rest.
import { existsSync, readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { basename, join } from 'node:path';

const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml' };

/** Gives the proxy's address, and what cuts its connections or closes it. */
export async function withDist(url, folder) {
  const { headers } = await fetch(`${url}/ui/`);
  const kept = ['content-security-policy', 'x-content-type-options', 'referrer-policy', 'cross-origin-opener-policy'];
  const own = Object.fromEntries(kept.map((name) => [name, headers.get(name) ?? '']));
  const proxy = createServer((asked, answer) => {
    const path = new URL(asked.url ?? '/', url).pathname;
    const file = join(folder, path === '/ui/' ? 'index.html' : basename(path));
    if (path.startsWith('/ui/') && existsSync(file)) {
      answer.writeHead(200, { ...own, 'content-type': TYPES[file.split('.').at(-1) ?? ''] ?? 'text/plain' });
      return answer.end(readFileSync(file));
    }
    const passed = request(new URL(asked.url ?? '/', url), { method: asked.method, headers: asked.headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      answer.flushHeaders();
      response.pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    answer.on('close', () => passed.destroy());
    asked.pipe(passed);
  });
  await new Promise((done) => proxy.listen(0, '127.0.0.1', done));
  const cut = () => proxy.closeAllConnections();
  return { url: `http://127.0.0.1:${proxy.address().port}`, cut, close: () => cut() || proxy.close() };
}
