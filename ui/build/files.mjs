// A Vite plugin that writes files.in: the built files as a Rust expression, with ETags, for crates/page to embed.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

function rust(folder) {
  const names = readdirSync(folder).filter((name) => name !== 'files.in').toSorted();
  const entry = (name) => {
    const etag = createHash('sha256').update(readFileSync(join(folder, name))).digest('hex').slice(0, 32);
    return `    ("${name}", "${etag}", include_bytes!("${name}")),\n`;
  };
  return `&[\n${names.map(entry).join('')}]\n`;
}

export function files() {
  let folder = '';
  return {
    name: 'files',
    configResolved(config) {
      folder = config.build.outDir;
    },
    closeBundle() {
      writeFileSync(join(folder, 'files.in'), rust(folder));
    },
  };
}
