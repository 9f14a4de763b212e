/** Above the lines: how many, in which order, how shown, followed, taken away. */

import type { Entry } from '../api/entries';
import { serverBase, identity } from '../api/http';
import { asCurl, asGrafana, asLogcli, type View } from '../exchange/copy';
import { download, FORMATS, withParsers, type Format } from '../exchange/download';
import { bytes, number, seconds, stamp, t } from '../i18n';
import { copy } from '../parts/clipboard';
import { Icon, type IconName } from '../parts/Icon';
import { Menu } from '../parts/Menu';
import { isComposing } from '../parts/composing';
import { toast } from '../parts/toast';
import { Save } from '../saved/Save';
import { note, place, runs } from '../state/place';
import { order, pretty, sidebar, toggle, wrap } from '../state/settings';
import { flipChanges, flipTail, fixedLink, stopTail } from './actions';
import { moveToMatch, sought } from './find';
import { chosen, opened } from './selection';
import { asMarkdown } from './taking';
import { cost, failureOf, fields, isGap, ran, rows, series } from './store';
import { arrived, isPaused, retryIn, since, tail, waitingCount } from './tail';

export function Toolbar() {
  const isLog = series.value === null;
  return (
    <div class="toolbar">
      {isLog && <Tool icon="fields" text={t(sidebar.value === 'on' ? 'fields.hide' : 'fields.show')} isOn={sidebar.value === 'on'} act={() => toggle(sidebar)} isIconOnly />}
      {isLog && <Modes />}
      <span class="status" role="status">
        <Status />
      </span>
      {isLog && <Find />}
      {isLog && (
        <>
          <Tool icon="changes" text={t('changes.title')} hint="c" isOn={place.value.show === 'changes'} act={flipChanges} />
          <TailTool />
          <Tool
            icon="order"
            text={t(order.value === 'newest' ? 'list.newest' : 'list.oldest')}
            act={() => {
              order.value = order.value === 'newest' ? 'oldest' : 'newest';
              if (tail.value === 'off') runs.value++;
            }}
          />
          <Tool icon="wrap" text={t('list.wrap')} hint="w" isOn={wrap.value === 'on'} act={() => toggle(wrap)} />
          <Tool icon="braces" text={t('list.pretty')} hint="p" isOn={pretty.value === 'on'} act={() => toggle(pretty)} />
          <Download />
        </>
      )}
      <Save />
      <Share />
    </div>
  );
}

/** What the list is drawn as. */
const MODES = ['lines', 'table', 'json', 'patterns', 'chart'] as const;

function Modes() {
  const { show } = place.value;
  return (
    <div class="modes" role="radiogroup" aria-label={t('mode.label')}>
      {MODES.map((mode, i) => (
        <button key={mode} type="button" role="radio" aria-checked={show === mode} title={`${t(`mode.${mode}`)} ${i + 1}`} onClick={() => note({ show: mode })}>
          {t(`mode.${mode}`)}
        </button>
      ))}
    </div>
  );
}

/** Marks words in the lines without filtering; Enter goes to the next line with one. */
function Find() {
  return (
    <input
      id="find"
      type="search"
      class="find"
      spellcheck={false}
      autocomplete="off"
      placeholder={t('find.label')}
      aria-label={t('find.label')}
      title={`${t('find.label')} h`}
      value={sought.value}
      onInput={(event) => (sought.value = event.currentTarget.value)}
      onKeyDown={(event) => {
        if (isComposing(event)) return;
        if (event.key === 'Enter') moveToMatch(event.shiftKey ? -1 : 1);
        else if (event.key === 'Escape') {
          if (!sought.value) event.currentTarget.blur();
          sought.value = '';
        } else return;
        event.preventDefault();
      }}
    />
  );
}

function Tool({ icon, text, hint, isOn, act, isIconOnly }: { icon: IconName; text: string; hint?: string; isOn?: boolean; act: () => void; isIconOnly?: boolean }) {
  return (
    <button type="button" class="tool" aria-pressed={isOn} aria-label={text} title={hint ? `${text} ${hint}` : text} onClick={act}>
      <Icon name={icon} />
      {!isIconOnly && <span>{text}</span>}
    </button>
  );
}

function Status() {
  switch (tail.value) {
    case 'opening':
      return <>{t('list.loading')}</>;
    case 'again':
      return <>{t('tail.again', { seconds: retryIn.value })}</>;
    case 'on':
      return isPaused.value ? <>{t('tail.paused', { count: waitingCount.value })}</> : <>{t('tail.following', { count: arrived.value, time: stamp(since.value).slice(11, 19) })}</>;
    case 'off': {
      if (chosen.value.size) return <>{t('list.chosen', { count: chosen.value.size })}</>;
      if (!cost.value) return null;
      return <>{t('list.read', { bytes: bytes(cost.value.bytes), time: seconds(cost.value.seconds) })}</>;
    }
  }
}

function TailTool() {
  if (tail.value === 'off') return <Tool icon="follow" text={t('tail.follow')} hint="f" act={flipTail} />;
  const isHeld = isPaused.value;
  return (
    <>
      <button type="button" class="tool live" aria-pressed={!isHeld} title="f" onClick={flipTail}>
        <Icon name={isHeld ? 'play' : 'pause'} />
        <span>{isHeld ? t('tail.resume') : t('tail.pause')}</span>
      </button>
      <Tool icon="stop" text={t('tail.stop')} act={stopTail} />
    </>
  );
}

/** Names of the first lines, for a CSV whose reader chose no columns. */
function namesOfLines(): string[] {
  const entries = rows.value.slice(0, 1000).filter((row): row is Entry => !isGap(row));
  const names = entries.flatMap(({ labels, metadata, parsed }) => Object.keys({ ...labels, ...metadata, ...parsed }));
  return [...new Set(names)].toSorted();
}

function Download() {
  const save = (format: Format) => () => {
    const { query, span, forward } = ran.value;
    const columns = place.value.columns.length ? place.value.columns : namesOfLines();
    const parsed = format === 'csv' ? withParsers(query, columns, fields.value ?? []) : query;
    download({ query: parsed, span, forward, format, columns }).then(
      () => toast(t('download.begun')),
      (error: unknown) => toast(failureOf(error).message || t('error.gone')),
    );
  };
  return <Menu label={t('download')} icon="download" choices={FORMATS.map((format) => ({ text: t(`download.${format}`), act: save(format) }))} />;
}

function viewNow(): View {
  const { query, span, forward } = ran.value;
  return { query, span, forward, tenant: identity.tenant, base: serverBase(), limit: 1000 };
}

/** The lines that are loaded, as text with their times. */
function linesAsText(): string {
  return rows.value.flatMap((row) => (isGap(row) ? [`-- ${number(row.gap)} --`] : [`${stamp(row.ms)} ${row.line}`])).join('\n');
}

/** Lines of a table for a report: as many as one reads. */
const MARKDOWN_ROWS = 50;

/** The chosen lines, or the open ones, or the first of the list. */
function linesOfReport(): Entry[] {
  const entries = rows.value.filter((row): row is Entry => !isGap(row));
  const picked = entries.filter((entry) => chosen.value.has(entry.id));
  const open = entries.filter((entry) => opened.value.has(entry.id));
  return picked.length ? picked : open.length ? open : entries.slice(0, MARKDOWN_ROWS);
}

export function Share() {
  return (
    <Menu
      label={t('share')}
      icon="share"
      name="share"
      choices={[
        { text: t('share.link'), act: () => void copy(fixedLink()) },
        { text: t('share.curl'), act: () => void copy(asCurl(viewNow())) },
        { text: t('share.logcli'), act: () => void copy(asLogcli(viewNow())) },
        { text: t('share.grafana'), act: () => void copy(asGrafana(viewNow())) },
        { text: t('share.lines'), act: () => void copy(linesAsText()) },
        { text: t('share.markdown'), act: () => void copy(asMarkdown(linesOfReport())) },
      ]}
    />
  );
}
