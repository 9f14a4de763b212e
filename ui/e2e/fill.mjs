// Fills a running server for work on the page: node e2e/fill.mjs http://127.0.0.1:3100 [entries] [hours]
import { flows, hostile, push, shop } from './sample.mjs';

const [base = 'http://127.0.0.1:3100', count = '60000', hours = '3'] = process.argv.slice(2);
const now = Date.now();
await push(base, shop({ endMs: now, spanMs: Number(hours) * 3600e3, count: Number(count) }));
await push(base, hostile(now));
await push(base, flows(now));
console.log(`${count} entries over ${hours} h`);
