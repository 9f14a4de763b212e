/** Lines taken out of the list as text, JSON lines or a Markdown table. */

import type { Entry } from '../api/entries';
import { stamp, t } from '../i18n';
import { place } from '../state/place';
import { fixedLink } from './actions';
import { valueOf } from './value';

/** One line alone is what it says; of several each has its time. */
export function asText(entries: Entry[]): string {
  if (entries.length === 1) return entries[0]?.line ?? '';
  return entries.map((entry) => `${stamp(entry.ms)} ${entry.line}`).join('\n');
}

export function entryJson({ ns, line, labels, metadata, parsed }: Entry): string {
  return JSON.stringify({ timestamp: ns, stream: labels, structuredMetadata: metadata, parsed, line });
}

export function asJsonLines(entries: Entry[]): string {
  return entries.map(entryJson).join('\n');
}

/** A table with the shown columns, below a link to the same view. */
export function asMarkdown(entries: Entry[]): string {
  const { columns } = place.value;
  const cell = (text: string) => text.slice(0, 500).replaceAll(/[|\\`]/g, '\\$&').replaceAll(/\s*\n\s*/g, ' ');
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [
    `[${cell(place.value.query || '{}')}](${fixedLink()})`,
    '',
    line([t('list.time'), ...columns.map(cell), t('list.line')]),
    line(['---', ...columns.map(() => '---'), '---']),
    ...entries.map((e) => line([stamp(e.ms), ...columns.map((name) => cell(valueOf(e, name))), cell(e.line)])),
  ].join('\n');
}
