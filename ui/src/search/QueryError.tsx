/** What is wrong with a query, at its place: the server names line, column and often the fix. */

import { t } from '../i18n';
import { visible } from '../parts/text';
import { draft } from './draft';
import { failure } from './store';

export interface ParseError {
  message: string;
  /** Characters from the start of the query; -1 when unknown. */
  start: number;
  end: number;
  advice: string;
}

/** The server's text taken apart: `parse error at line 1, col 30: …`, the line, carets, advice. */
export function parseErrorOf(text: string, query: string): ParseError {
  const lines = text.split('\n');
  const head = /^parse error at line (\d+), col (\d+): (.*)$/.exec(lines[0] ?? '');
  const carets = lines.findIndex((line, i) => i > 0 && /^\s*\^+\s*$/.test(line));
  const explained = carets > 1 ? lines.slice(1, carets - 1) : [];
  const advice = carets < 0 ? '' : lines.slice(carets + 1).join('\n').trim();
  const message = [head?.[3] ?? lines[0] ?? '', ...explained].join('\n');
  if (!head) return { message: carets < 0 ? text : message, start: -1, end: -1, advice };
  const before = query.split('\n').slice(0, Number(head[1]) - 1);
  const start = before.reduce((sum, line) => sum + line.length + 1, 0) + Number(head[2]) - 1;
  const width = Math.max(1, (lines[carets] ?? '').trim().length);
  return { message, start, end: Math.min(query.length, start + width), advice };
}

export function QueryError({ element }: { element: () => HTMLTextAreaElement | null }) {
  if (failure.value?.trouble !== 'refused') return <div id="query-error" />;
  const { message, start, end, advice } = parseErrorOf(failure.value.message, draft.value);
  const show = () => {
    element()?.focus();
    if (start >= 0) element()?.setSelectionRange(start, end);
  };
  const lineStart = draft.value.lastIndexOf('\n', Math.max(0, start - 1)) + 1;
  const lineEnd = draft.value.indexOf('\n', start);
  const line = draft.value.slice(lineStart, lineEnd < 0 ? undefined : lineEnd);
  const at = start - lineStart;
  return (
    <div id="query-error" class="query-error" role="alert">
      <strong>{t('error.refused')}</strong>
      {start >= 0 && line && (
        <button type="button" class="error-place" onClick={show}>
          {visible(line.slice(Math.max(0, at - 60), at))}
          <em>{visible(line.slice(at, at + Math.max(1, end - start))) || ' '}</em>
          {visible(line.slice(at + Math.max(1, end - start), at + 80))}
        </button>
      )}
      <span class="error-text">{message}</span>
      {advice && <span class="error-advice">{advice}</span>}
    </div>
  );
}
