/** The fields of the lines: labels and what is in them, with their most frequent values. */

import { useEffect, useState } from 'preact/hooks';
import { fetchTopValues, totalOf, type Field, type TopValue } from '../api/metrics';
import { compact, number, percent, t } from '../i18n';
import { Icon } from '../parts/Icon';
import { visible } from '../parts/text';
import { note, place } from '../state/place';
import { filterBy, flipColumn } from './actions';
import { counts, failureOf, fields, fieldsFailure, ran } from './store';

const VALUES = 10;

export function Fields() {
  const [filter, setFilter] = useState('');
  const all = fields.value ?? [];
  const matching = all.filter((f) => f.name.toLowerCase().includes(filter.toLowerCase()));
  const groups = [
    { title: t('fields.labels'), list: matching.filter((f) => f.source === 'label') },
    { title: t('fields.found'), list: matching.filter((f) => f.source !== 'label') },
  ];
  return (
    <aside class="fields" aria-label={t('fields.title')}>
      <input type="search" placeholder={t('fields.find')} aria-label={t('fields.find')} value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
      <div class="fields-scroll">
        {fieldsFailure.value !== null && <p class="note">{t('fields.failed', { why: fieldsFailure.value })}</p>}
        {fields.value && !all.length && fieldsFailure.value === null && <p class="note">{t('fields.none')}</p>}
        {groups.map(({ title, list }) => list.length > 0 && (
          <section key={title}>
            <h2>{title}</h2>
            <ul>{list.map((field) => <FieldItem key={`${field.source}.${field.name}`} field={field} />)}</ul>
          </section>
        ))}
      </div>
    </aside>
  );
}

function FieldItem({ field }: { field: Field }) {
  const [isOpen, setOpen] = useState(false);
  const isColumn = place.value.columns.includes(field.name);
  const many = t(field.source === 'label' ? 'fields.values' : 'fields.many', { count: compact(field.cardinality) });
  const column = t(isColumn ? 'fields.nocolumn' : 'fields.column', { name: field.name });
  return (
    <li class="field" data-column={isColumn}>
      <div class="field-head">
        <button type="button" class="field-name" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)} title={`${field.name}: ${many}`}>
          <span>{visible(field.name)}</span>
          <small>{compact(field.cardinality)}</small>
        </button>
        <button type="button" class="field-column" aria-pressed={isColumn} title={column} aria-label={column} onClick={() => flipColumn(field.name)}>
          <Icon name="columns" />
        </button>
      </div>
      {isOpen && <Values field={field} />}
    </li>
  );
}

function Values({ field }: { field: Field }) {
  const [found, setFound] = useState<TopValue[] | null>(null);
  const [trouble, setTrouble] = useState('');
  const { query, span } = ran.value;
  useEffect(() => {
    const aborter = new AbortController();
    const parser = field.source === 'json' || field.source === 'logfmt' ? field.source : '';
    fetchTopValues(query, parser, field.name, span, VALUES, aborter.signal).then(setFound, (error: unknown) => {
      if (!aborter.signal.aborted) setTrouble(failureOf(error).message);
    });
    return () => aborter.abort();
  }, [query, span.start, span.end, field.name]);
  if (trouble) return <p class="note">{trouble}</p>;
  if (!found) return <p class="note">{t('list.loading')}</p>;
  const total = Math.max(1, counts.value ? totalOf(counts.value) : found.reduce((sum, v) => sum + v.count, 0));
  return (
    <>
      <ul class="values">
        {found.map(({ value, count }) => (
          <li key={value} class="value" title={`${value}: ${number(count)}`}>
            <meter class="share" min={0} max={1} value={count / total} aria-hidden="true" />
            <span class="value-text" data-absent={value === ''}>{value === '' ? t('fields.absent') : visible(value.slice(0, 200))}</span>
            <span class="value-count">{percent(count / total)}</span>
            <span class="picks">
              <button type="button" title={t('fields.with', { name: field.name, value })} aria-label={t('fields.with', { name: field.name, value })} onClick={() => filterBy(field.source, field.name, '=', value)}>+</button>
              <button type="button" title={t('fields.without', { name: field.name, value })} aria-label={t('fields.without', { name: field.name, value })} onClick={() => filterBy(field.source, field.name, '!=', value)}>−</button>
            </span>
          </li>
        ))}
      </ul>
      <button type="button" class="quiet field-over-time" onClick={() => note({ show: 'chart', by: field.name })}>
        {t('fields.chart')}
      </button>
    </>
  );
}
