/** The query, its parts as chips, what is wrong with it, and the time. */

import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { chips } from '../logql/edit';
import { t } from '../i18n';
import { isComposing } from '../parts/composing';
import { Icon } from '../parts/Icon';
import { Menu } from '../parts/Menu';
import { place } from '../state/place';
import { recent } from '../state/settings';
import { openPasted, search } from './actions';
import { draft } from './draft';
import { QueryError } from './QueryError';
import { failure, loading, stop } from './store';
import { endTail, tail } from './tail';
import { TimeField } from './TimeField';

export function QueryBar() {
  const area = useRef<HTMLTextAreaElement>(null);
  const run = () => {
    endTail();
    if (!openPasted(draft.value) || draft.value.startsWith('{')) search(draft.value);
  };
  useEffect(() => {
    draft.value = place.value.query;
  }, [place.value.query]);
  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${Math.min(element.scrollHeight + 2, 240)}px`;
  }, [draft.value]);
  const keys = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      run();
    } else if (event.key === 'Escape') area.current?.blur();
  };
  const paste = (event: ClipboardEvent) => {
    const text = event.clipboardData?.getData('text/plain') ?? '';
    const replacesAll = draft.value.trim() === '' || (area.current?.selectionStart === 0 && area.current.selectionEnd === draft.value.length);
    if ((replacesAll || /^(https?:\/\/|logcli\s|curl\s)/.test(text.trim())) && openPasted(text)) event.preventDefault();
  };
  return (
    <form
      class="query-bar"
      onSubmit={(event) => {
        event.preventDefault();
        run();
      }}
    >
      <div class="query-line">
        <div class="query-box" data-bad={failure.value?.trouble === 'refused'}>
          <textarea
            id="query"
            ref={area}
            rows={1}
            spellcheck={false}
            autocapitalize="off"
            autocomplete="off"
            aria-label={t('query.label')}
            aria-invalid={failure.value?.trouble === 'refused'}
            aria-describedby="query-error"
            placeholder={t('query.placeholder')}
            value={draft.value}
            onInput={(event) => (draft.value = event.currentTarget.value)}
            onKeyDown={keys}
            onPaste={paste}
          />
          {recent.value.length > 0 && (
            <Menu label={t('query.recent')} icon="history" choices={recent.value.slice(0, 12).map((query) => ({ text: query, act: () => search(query) }))} />
          )}
        </div>
        <TimeField />
        {loading.value === 'first' ? (
          <button type="button" class="primary" onClick={stop}>
            <Icon name="stop" /> {t('query.stop')}
          </button>
        ) : (
          <button type="submit" class="primary">
            <Icon name="play" /> {t('query.run')}
          </button>
        )}
      </div>
      <QueryError element={() => area.current} />
      <Chips />
    </form>
  );
}

function Chips() {
  const list = chips(place.value.query);
  if (!list.length) return null;
  return (
    <ul class="chips">
      {list.map(({ kind, text, without }) => (
        <li key={text} class="chip" data-kind={kind}>
          <span title={text}>{text}</span>
          <button
            type="button"
            aria-label={t('query.without', { text })}
            title={t('query.without', { text })}
            onClick={() => {
              if (tail.value !== 'off') endTail();
              search(without === '{}' ? '' : without);
            }}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}
