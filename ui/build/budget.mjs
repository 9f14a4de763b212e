// Fails when the page grows beyond what it may weigh (gzip -9): the first load, and all of it.
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const FIRST_MAX = 125_000;
const ALL_MAX = 255_000;

const dist = new URL('../dist/', import.meta.url);
const index = readFileSync(new URL('index.html', dist), 'utf8');
const sizes = readdirSync(dist)
  .filter((name) => !/\.(txt|in)$/.test(name))
  .map((name) => ({ name, bytes: gzipSync(readFileSync(new URL(name, dist)), { level: 9 }).length, isFirst: name === 'index.html' || index.includes(name) }));
const sum = (list) => list.reduce((total, { bytes }) => total + bytes, 0);
for (const { name, bytes, isFirst } of sizes) console.log(`${String(bytes).padStart(8)}  ${name}${isFirst ? '  (first load)' : ''}`);
const [first, all] = [sum(sizes.filter((s) => s.isFirst)), sum(sizes)];
console.log(`first load ${first} of ${FIRST_MAX}, all ${all} of ${ALL_MAX}`);
if (first > FIRST_MAX || all > ALL_MAX) process.exit(1);
