/** The kinds of lines of a query: templates with how many lines each has. */

import { useEffect, useState } from 'preact/hooks';
import { countLines, fetchPatterns, ofPattern } from '../api/patterns';
import { compact, number, percent, t } from '../i18n';
import { LETTERS, type Level } from '../levels';
import { selectorOf } from '../logql/edit';
import { filterPattern } from './actions';
import { eachOf } from './changes';
import { failureOf, ran } from './store';
import { Template } from './Template';

/** Counting costs a query each: those with most lines are counted. */
const PATTERNS_MAX = 60;

interface Kind {
  pattern: string;
  level: Level;
  count: number;
}

export function Patterns() {
  const [kinds, setKinds] = useState<Kind[]>([]);
  const [total, setTotal] = useState(0);
  const [isBusy, setBusy] = useState(true);
  const [trouble, setTrouble] = useState('');
  const { query, span } = ran.value;
  useEffect(() => {
    const aborter = new AbortController();
    const { signal } = aborter;
    setKinds([]);
    setTrouble('');
    setBusy(true);
    const count = async () => {
      const [mined, all] = await Promise.all([fetchPatterns(selectorOf(query), span, signal), countLines(query, span, signal)]);
      setTotal(all);
      const most = mined.toSorted((a, b) => b.estimate - a.estimate).slice(0, PATTERNS_MAX);
      await eachOf(most, async ({ pattern, level }) => {
        const lines = await countLines(ofPattern(query, pattern), span, signal);
        if (lines > 0) setKinds((list) => [...list, { pattern, level, count: lines }]);
      });
      setBusy(false);
    };
    count().catch((error: unknown) => {
      if (signal.aborted) return;
      setTrouble(failureOf(error).message || t('error.gone'));
      setBusy(false);
    });
    return () => aborter.abort();
  }, [query, span]);
  return (
    <section class="changes" aria-label={t('mode.patterns')} tabIndex={0}>
      <div class="changes-head">
        <span>
          <b>{number(kinds.length)}</b> {t('patterns.kinds')}
        </span>
        {isBusy && (
          <span class="note" role="status">
            {t('changes.counting')}
          </span>
        )}
      </div>
      {trouble && <p class="note warning">{trouble}</p>}
      {!kinds.length && !trouble && <p class="note">{isBusy ? t('list.loading') : t('changes.nopatterns')}</p>}
      {kinds.length > 0 && (
        <table class="changes-table">
          <thead>
            <tr>
              <th scope="col" class="figure">{t('home.lines')}</th>
              <th scope="col" class="figure">{t('patterns.share')}</th>
              <th scope="col">{t('changes.pattern')}</th>
            </tr>
          </thead>
          <tbody>
            {kinds.toSorted((a, b) => b.count - a.count).map(({ pattern, level, count }) => (
              <tr key={pattern}>
                <td class="figure" title={number(count)}>{compact(count)}</td>
                <td class="figure">{percent(count / Math.max(1, total))}</td>
                <td class="pattern">
                  <span class={`badge level-${level}`}>{LETTERS[level]}</span> <Template text={pattern} />
                  <span class="picks">
                    <button type="button" title={t('changes.only')} aria-label={t('changes.only')} onClick={() => filterPattern('|>', pattern)}>+</button>
                    <button type="button" title={t('changes.without')} aria-label={t('changes.without')} onClick={() => filterPattern('!>', pattern)}>−</button>
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
