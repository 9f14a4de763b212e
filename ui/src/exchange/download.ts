/** All lines of a query as a file: text, JSON lines or CSV, made from the export as it arrives. */

import type { Entry } from '../api/entries';
import { stamp } from '../i18n';
import { toast } from '../parts/toast';
import { csvCell } from './csv';

export type Format = 'text' | 'json' | 'csv';

const TYPES: Record<Format, { type: string; ending: string }> = {
  text: { type: 'text/plain', ending: 'log' },
  json: { type: 'application/x-ndjson', ending: 'jsonl' },
  csv: { type: 'text/csv', ending: 'csv' },
};

function line({ ns, ms, line: text, labels, metadata, parsed }: Entry, format: Format, columns: string[]): string {
  switch (format) {
    case 'text': return `${stamp(ms)} ${text}\n`;
    case 'json': return `${JSON.stringify({ timestamp: ns, stream: labels, structuredMetadata: metadata, parsed, line: text })}\n`;
    case 'csv': {
      const all = { ...labels, ...metadata, ...parsed };
      return `${[new Date(ms).toISOString(), ...columns.map((c) => all[c] ?? ''), text].map(csvCell).join(',')}\n`;
    }
  }
}

/** Columns of a CSV whose reader chose none: the names of the first lines. */
function namesOf(entries: Entry[]): string[] {
  return [...new Set(entries.slice(0, 1000).flatMap(({ labels, metadata, parsed }) => Object.keys({ ...labels, ...metadata, ...parsed })))].toSorted();
}

export async function saveEntries(batches: AsyncGenerator<Entry[]>, format: Format, chosen: string[]) {
  const parts: Blob[] = [];
  let columns = chosen;
  try {
    for await (const batch of batches) {
      if (!parts.length && format === 'csv') {
        if (!columns.length) columns = namesOf(batch);
        parts.push(new Blob([`${['time', ...columns, 'line'].map(csvCell).join(',')}\n`]));
      }
      // A blob of its own for each batch lets the browser keep it outside of the page's memory.
      parts.push(new Blob(batch.map((entry) => line(entry, format, columns))));
    }
  } catch (error) {
    toast(error instanceof Error ? error.message : String(error));
    return;
  }
  const { type, ending } = TYPES[format];
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob(parts, { type }));
  link.download = `skald-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
