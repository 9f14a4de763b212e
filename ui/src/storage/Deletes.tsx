/** Delete requests: what they would take is counted before one is made, and they can be taken back for a while. */

import { useEffect, useState } from 'preact/hooks';
import { countLines } from '../api/patterns';
import { cancelDelete, fetchDeletes, requestDelete, type DeleteRequest } from '../api/storage';
import { number, stamp, t } from '../i18n';
import { toast } from '../parts/toast';
import { visible } from '../parts/text';
import { failureOf } from '../search/store';
import { rangeLabel } from '../search/TimeField';
import { zone } from '../state/settings';
import { parseRange, resolve, type Span } from '../time/range';

/** What was counted: only this can be deleted. */
interface Counted {
  query: string;
  time: string;
  span: Span;
  lines: number;
}

export function Deletes() {
  const [list, setList] = useState<DeleteRequest[] | null>(null);
  const [trouble, setTrouble] = useState('');
  const [changes, setChanges] = useState(0);
  useEffect(() => {
    const aborter = new AbortController();
    fetchDeletes(aborter.signal).then(setList, (error: unknown) => {
      if (!aborter.signal.aborted) setTrouble(failureOf(error).message || t('error.gone'));
    });
    return () => aborter.abort();
  }, [changes]);
  const changed = () => setChanges((n) => n + 1);
  return (
    <section class="deletes">
      <h2>{t('delete.title')}</h2>
      <p class="note">{t('delete.hint')}</p>
      {trouble ? <p class="note warning">{trouble}</p> : <DeleteForm done={changed} />}
      {list && list.length > 0 && <Requests list={list} changed={changed} />}
    </section>
  );
}

function DeleteForm({ done }: { done: () => void }) {
  const [query, setQuery] = useState('');
  const [time, setTime] = useState('');
  const [counted, setCounted] = useState<Counted | null>(null);
  const [trouble, setTrouble] = useState('');
  const isCounted = counted !== null && counted.query === query && counted.time === time;
  const fail = (error: unknown) => setTrouble(failureOf(error).message || t('error.gone'));
  const count = async () => {
    const range = parseRange(time, zone.value);
    if (!range) return setTrouble(t('time.unknown'));
    const span = resolve(range);
    const lines = await countLines(query, span, new AbortController().signal);
    setTrouble('');
    setCounted({ query, time, span, lines });
  };
  const remove = async () => {
    if (!counted) return;
    await requestDelete(counted.query, counted.span);
    setCounted(null);
    toast(t('delete.done'));
    done();
  };
  return (
    <form
      class="delete-form"
      onSubmit={(event) => {
        event.preventDefault();
        void count().catch(fail);
      }}
    >
      <label>
        {t('query.label')}
        <input type="text" spellcheck={false} autocomplete="off" placeholder={'{service_name="checkout"} |= "secret"'} value={query} onInput={(event) => setQuery(event.currentTarget.value)} />
      </label>
      <label>
        {t('time.label')}
        <input type="text" spellcheck={false} autocomplete="off" placeholder={t('time.placeholder')} value={time} onInput={(event) => setTime(event.currentTarget.value)} />
      </label>
      <button type="submit" class="tool bordered" disabled={!query.trim() || !time.trim()}>
        {t('delete.count')}
      </button>
      {isCounted && (
        <p role="status" class="delete-count">
          {t('delete.would', { count: counted.lines })} ({rangeLabel({ from: String(Math.round(counted.span.start)), to: String(Math.round(counted.span.end)) })}){' '}
          {counted.lines > 0 && (
            <button type="button" class="danger" onClick={() => void remove().catch(fail)}>
              {t('delete.do', { count: counted.lines })}
            </button>
          )}
        </p>
      )}
      {trouble && (
        <p role="alert" class="delete-count trouble">
          {trouble}
        </p>
      )}
    </form>
  );
}

function Requests({ list, changed }: { list: DeleteRequest[]; changed: () => void }) {
  const at = (value: number) => stamp(value > 1e11 ? value : value * 1000).slice(0, 19);
  return (
    <table class="services">
      <thead>
        <tr>
          <th scope="col">{t('query.label')}</th>
          <th scope="col" class="wide">{t('time.label')}</th>
          <th scope="col" class="wide">{t('delete.made')}</th>
          <th scope="col">{t('delete.status')}</th>
          <th scope="col" class="figure">{number(list.length)}</th>
        </tr>
      </thead>
      <tbody>
        {list.slice(0, 100).map((one) => (
          <tr key={`${one.request_id}${one.start_time}`}>
            <td>
              <code>{visible(one.query)}</code>
            </td>
            <td class="wide">
              {at(one.start_time)} – {at(one.end_time)}
            </td>
            <td class="wide">{at(one.created_at)}</td>
            <td>{visible(one.status)}</td>
            <td class="figure">
              {one.status === 'received' && (
                <button type="button" class="quiet" onClick={() => void cancelDelete(one.request_id).then(changed, (error: unknown) => toast(failureOf(error).message))}>
                  {t('delete.cancel')}
                </button>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
