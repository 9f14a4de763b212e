/** The query, its parts as chips, what is wrong with it, and the time. */

import { useEffect } from 'preact/hooks';
import { chips } from '../logql/edit';
import { t } from '../i18n';
import { Icon } from '../parts/Icon';
import { Menu } from '../parts/Menu';
import { place } from '../state/place';
import { recent } from '../state/settings';
import { openPasted, search } from './actions';
import { draft } from './draft';
import { Editor } from './Editor';
import { marked } from './mistake';
import { isRefused, Refused } from './QueryError';
import { loading, stop } from './store';
import { endTail, tail } from './tail';
import { TimeField } from './TimeField';

export function QueryBar() {
  const run = () => {
    endTail();
    if (!openPasted(draft.value) || draft.value.startsWith('{')) search(draft.value);
  };
  useEffect(() => {
    draft.value = place.value.query;
  }, [place.value.query]);
  return (
    <form
      class="query-bar"
      onSubmit={(event) => {
        event.preventDefault();
        run();
      }}
    >
      <div class="query-line">
        <div class="query-box" data-bad={isRefused() || marked.value !== null}>
          <Editor run={run} />
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
      <Refused />
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
