/** Values of an entry by name: labels, metadata, and fields of its line. */

import type { Entry } from '../api/entries';
import { jsonOf } from '../parts/text';
import { logfmtOf } from './logfmt';

const fieldsOf = new WeakMap<Entry, Record<string, unknown>>();

/** A column's value: a label, metadata, or a field of the line. */
export function valueOf(entry: Entry, name: string): string {
  const known = entry.labels[name] ?? entry.metadata[name] ?? entry.parsed[name];
  if (known !== undefined) return known;
  let found = fieldsOf.get(entry);
  if (!found) {
    found = flat(jsonOf(entry.line.slice(0, 200_000))) ?? logfmtOf(entry.line) ?? {};
    fieldsOf.set(entry, found);
  }
  const value = Object.hasOwn(found, name) ? found[name] : undefined;
  return value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);
}

/** Paths joined with `_`, as LogQL's json parser names them. */
function flat(value: unknown, prefix = '', into: Record<string, unknown> = {}): Record<string, unknown> | null {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return null;
  for (const [name, child] of Object.entries(value)) {
    const path = (prefix + name).replaceAll(/[^a-zA-Z0-9_]/g, '_');
    if (flat(child, `${path}_`, into) === null) Object.defineProperty(into, path, { value: child, enumerable: true });
  }
  return into;
}
