// A Vite plugin that writes files.rs: the built files as Rust, with ETags, for crates/page to embed.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

function rust(folder) {
  const names = readdirSync(folder).filter((name) => name !== 'files.rs').toSorted();
  const entry = (name) => {
    const etag = createHash('sha256').update(readFileSync(join(folder, name))).digest('hex').slice(0, 32);
    return `    ("${name}", "${etag}", include_bytes!("${name}")),\n`;
  };
  return `//! The page's files are listed by \`npm run build\` in ui/: name, hash of the content, content.\n\n`
    + `pub(crate) const FILES: &[(&str, &str, &[u8])] = &[\n${names.map(entry).join('')}];\n`;
}

export function files() {
  let folder = '';
  return {
    name: 'files',
    configResolved(config) {
      folder = config.build.outDir;
    },
    closeBundle() {
      writeFileSync(join(folder, 'files.rs'), rust(folder));
    },
  };
}
