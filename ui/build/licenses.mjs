// A Vite plugin that writes licenses.txt: what is in the page that others wrote, with their terms.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Packages of `dependencies`, and what these depend on. */
function packages(root) {
  const found = new Map();
  const add = (name) => {
    const folder = join(root, 'node_modules', name);
    if (found.has(name) || !existsSync(folder)) return;
    const about = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    found.set(name, { folder, about });
    for (const dependency of Object.keys(about.dependencies ?? {})) add(dependency);
  };
  for (const name of Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).dependencies)) add(name);
  return [...found.values()].toSorted((a, b) => (a.about.name < b.about.name ? -1 : 1));
}

export function licensesText(root) {
  const one = ({ folder, about }) => {
    const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
    const terms = file ? readFileSync(join(folder, file), 'utf8').trim() : '';
    return `${about.name} ${about.version} (${about.license})\n\n${terms}\n`;
  };
  return packages(root).map(one).join(`\n${'-'.repeat(80)}\n\n`);
}

export function licenses() {
  return {
    name: 'licenses',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'licenses.txt', source: licensesText(process.cwd()) });
    },
  };
}
