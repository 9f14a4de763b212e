/** What is wrong with a query, at its place, as it is typed and after it was run; a key repairs it. */

import { t } from '../i18n';
import { parseErrorOf } from '../logql/parseError';
import { visible } from '../parts/text';
import { draft } from './draft';
import { isUnfinished, marked, mistake, repair } from './mistake';
import { failure, ran } from './store';

const field = () => document.querySelector<HTMLTextAreaElement>('#query');

/** Whether the query in the field was run and refused. */
export const isRefused = () => failure.value?.trouble === 'refused' && (draft.value.trim() || '{}') === ran.value.query;

/** After a run: below the query, until it is edited. */
export function Refused() {
  if (!isRefused()) return null;
  const { message, start, end, advice } = mistake.value ?? parseErrorOf(failure.value?.message ?? '', draft.value);
  return (
    <div class="query-error" role="alert">
      <strong>{t('error.refused')}</strong>
      <Place start={start} end={end} />
      <span class="error-text">{message}</span>
      {advice && <span class="error-advice">{advice}</span>}
      <Repair />
    </div>
  );
}

/** While typing: over the page, so that nothing moves. Read aloud once a word is finished. */
export function LiveMistake() {
  const shown = isRefused() ? null : marked.value;
  const isMissing = !isRefused() && isUnfinished.value;
  return (
    <>
      <div id="query-error" role="status" class={shown ? 'query-error live' : undefined}>
        {shown && (
          <>
            <span class="error-text">{shown.message}</span>
            {shown.advice && <span class="error-advice">{shown.advice}</span>}
            <Repair />
          </>
        )}
      </div>
      {isMissing && <p class="query-missing">{mistake.value?.message.split('\n')[1] ?? mistake.value?.message}</p>}
    </>
  );
}

function Repair() {
  const edit = mistake.value?.edit;
  if (!edit) return null;
  const repaired = draft.value.slice(0, edit.start) + edit.text + draft.value.slice(edit.end);
  return (
    <button type="button" class="repair" onPointerDown={(event) => event.preventDefault()} onClick={() => repair(field())}>
      {t('query.repair')} <code>{visible(around(repaired, edit.start, edit.start + edit.text.length))}</code> <kbd>Alt</kbd>
      <kbd>Enter</kbd>
    </button>
  );
}

const SHOWN_AROUND = 24;

/** The part of a query with a little on each side. */
function around(text: string, start: number, end: number): string {
  const from = Math.max(0, start - SHOWN_AROUND);
  const to = Math.min(text.length, end + SHOWN_AROUND);
  return (from > 0 ? '…' : '') + text.slice(from, to) + (to < text.length ? '…' : '');
}

function Place({ start, end }: { start: number; end: number }) {
  const lineStart = draft.value.lastIndexOf('\n', Math.max(0, start - 1)) + 1;
  const lineEnd = draft.value.indexOf('\n', start);
  const line = draft.value.slice(lineStart, lineEnd < 0 ? undefined : lineEnd);
  const at = start - lineStart;
  if (start < 0 || !line) return null;
  const show = () => {
    field()?.focus();
    field()?.setSelectionRange(start, end);
  };
  return (
    <button type="button" class="error-place" onClick={show}>
      {visible(line.slice(Math.max(0, at - 60), at))}
      <em>{visible(line.slice(at, at + Math.max(1, end - start))) || ' '}</em>
      {visible(line.slice(at + Math.max(1, end - start), at + 80))}
    </button>
  );
}
