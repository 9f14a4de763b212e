/** Saved: searches of this tenant, and those that come with the page. */

import { useEffect, useState } from 'preact/hooks';
import { fetchSaved, removeSearch, type SavedSearch } from '../api/saved';
import { t } from '../i18n';
import { Icon } from '../parts/Icon';
import { visible } from '../parts/text';
import { toast } from '../parts/toast';
import { draft } from '../search/draft';
import { Failed, Waiting } from '../search/States';
import { failureOf, type Failure } from '../search/store';
import { rangeLabel } from '../search/TimeField';
import { go, runs } from '../state/place';
import { DEFAULT_RANGE, resolveEnd } from '../time/range';
import { SHIPPED } from './shipped';

function open({ query, from, to, columns }: Omit<SavedSearch, 'name'>) {
  const isKnown = resolveEnd(from) !== null && resolveEnd(to) !== null;
  draft.value = query;
  go({ view: 'search', query, columns, range: isKnown ? { from, to } : DEFAULT_RANGE, show: 'lines' });
}

export function Saved() {
  const [list, setList] = useState<SavedSearch[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [changes, setChanges] = useState(0);
  useEffect(() => {
    const aborter = new AbortController();
    fetchSaved(aborter.signal).then(
      (found) => {
        setList(found);
        setFailure(null);
      },
      (error: unknown) => {
        if (!aborter.signal.aborted) setFailure(failureOf(error));
      },
    );
    return () => aborter.abort();
  }, [changes, runs.value]);
  const remove = (name: string) => {
    removeSearch(name).then(
      () => setChanges((n) => n + 1),
      (error: unknown) => toast(failureOf(error).message || t('error.gone')),
    );
  };
  return (
    <main class="home saved">
      <div class="home-head">
        <h1>{t('nav.saved')}</h1>
      </div>
      {failure && <Failed failure={failure} />}
      {!list && !failure && <Waiting />}
      {list?.length === 0 && <p class="note">{t('saved.none')}</p>}
      {list && list.length > 0 && (
        <table class="services">
          <tbody>
            {list.map((search) => (
              <tr key={search.name}>
                <th scope="row">
                  <button type="button" onClick={() => open(search)}>
                    {visible(search.name)}
                  </button>
                </th>
                <td class="wide"><code>{visible(search.query.slice(0, 300))}</code></td>
                <td class="wide quiet-text">{resolveEnd(search.from) !== null && resolveEnd(search.to) !== null ? rangeLabel(search) : ''}</td>
                <td class="figure">
                  <button type="button" class="tool" title={t('saved.remove', { name: search.name })} aria-label={t('saved.remove', { name: search.name })} onClick={() => remove(search.name)}>
                    <Icon name="close" />
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {SHIPPED.map((set) => (
        <section key={set.title} class="shipped">
          <h2>{t(set.title)}</h2>
          <table class="services">
            <tbody>
              {set.searches.map(({ title, query, columns }) => (
                <tr key={title}>
                  <th scope="row">
                    <button type="button" onClick={() => open({ query, columns, from: 'now-1h', to: 'now' })}>
                      {t(title)}
                    </button>
                  </th>
                  <td class="wide"><code>{query}</code></td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ))}
    </main>
  );
}
