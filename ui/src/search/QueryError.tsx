/** What is wrong with a query, at its place: the server names line, column and often the fix. */

import { t } from '../i18n';
import { parseErrorOf } from '../logql/parseError';
import { visible } from '../parts/text';
import { draft } from './draft';
import { failure } from './store';

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
