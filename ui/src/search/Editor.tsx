/** The query as one types it: coloured, and completed with what the server has. */

import { Fragment } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { fetchCompletion, type Choice, type Completion } from '../api/complete';
import { bytes, compact, t } from '../i18n';
import { colours, cut } from '../logql/colours';
import { fill, mayComplete } from '../logql/complete';
import { isComposing } from '../parts/composing';
import { visible } from '../parts/text';
import { place as here } from '../state/place';
import { resolve } from '../time/range';
import { openPasted } from './actions';
import { draft } from './draft';
import { checkSoon, marked, repair } from './mistake';
import { isRefused, LiveMistake } from './QueryError';

const CHOICES = 12;
const WAIT_MS = 80;
const HEIGHT_MAX = 240;

interface Offer extends Completion {
  caret: number;
  /** -1 while none is marked: then Enter runs the query. */
  marked: number;
}

export function Editor({ run }: { run: () => void }) {
  const area = useRef<HTMLTextAreaElement>(null);
  const [offer, setOffer] = useState<Offer | null>(null);
  const timer = useRef(0);
  const asked = useRef(new AbortController());
  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${Math.min(element.scrollHeight + 2, HEIGHT_MAX)}px`;
  }, [draft.value]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      asked.current.abort();
    },
    [],
  );

  const look = () => {
    clearTimeout(timer.current);
    asked.current.abort();
    const caret = area.current?.selectionStart ?? 0;
    const query = draft.value;
    if (!mayComplete(query.slice(0, caret))) return setOffer(null);
    asked.current = new AbortController();
    const { signal } = asked.current;
    timer.current = setTimeout(() => {
      fetchCompletion(query, caret, resolve(here.value.range), CHOICES, signal).then(
        (found) => {
          if (signal.aborted || draft.value !== query || document.activeElement !== area.current) return;
          // What is typed in full needs no offer.
          const isDone = found?.choices.length === 1 && found.choices[0]?.text === query.slice(found.from, caret);
          setOffer(found && !isDone ? { ...found, caret, marked: -1 } : null);
        },
        () => {
          if (!signal.aborted) setOffer(null);
        },
      );
    }, WAIT_MS);
  };
  const choose = (choice: Choice | undefined) => {
    if (!offer || choice === undefined) return;
    const { query, caret } = fill(draft.value, offer, offer.caret, choice.text);
    draft.value = query;
    setOffer(null);
    // At once: keys that follow must not meet a caret that is still to move.
    if (area.current) area.current.value = query;
    area.current?.focus();
    area.current?.setSelectionRange(caret, caret);
    look();
    checkSoon(caret);
  };
  const onKey = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    if (event.key === 'Enter' && event.altKey) {
      event.preventDefault();
      return repair(area.current);
    }
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (offer && step) {
      event.preventDefault();
      const count = offer.choices.length;
      setOffer({ ...offer, marked: offer.marked < 0 && step < 0 ? count - 1 : (offer.marked + step + count) % count });
    } else if (offer && (event.key === 'Tab' || (event.key === 'Enter' && offer.marked >= 0)) && !event.shiftKey) {
      event.preventDefault();
      choose(offer.choices[Math.max(0, offer.marked)]);
    } else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      setOffer(null);
      run();
    } else if (event.key === 'Escape') {
      if (offer) setOffer(null);
      else area.current?.blur();
    }
  };
  const onPaste = (event: ClipboardEvent) => {
    const text = event.clipboardData?.getData('text/plain') ?? '';
    const replacesAll = draft.value.trim() === '' || (area.current?.selectionStart === 0 && area.current.selectionEnd === draft.value.length);
    if ((replacesAll || /^(https?:\/\/|logcli\s|curl\s)/.test(text.trim())) && openPasted(text)) event.preventDefault();
  };
  return (
    <div class="editor">
      <Coloured anchor={offer?.from ?? -1} />
      <textarea
        id="query"
        ref={area}
        rows={1}
        spellcheck={false}
        autocapitalize="off"
        autocomplete="off"
        aria-label={t('query.label')}
        aria-invalid={isRefused() || marked.value !== null}
        aria-describedby="query-error"
        aria-autocomplete="list"
        aria-controls="query-offer"
        aria-activedescendant={offer && offer.marked >= 0 ? `offer-${offer.marked}` : undefined}
        placeholder={t('query.placeholder')}
        value={draft.value}
        onInput={(event) => {
          draft.value = event.currentTarget.value;
          look();
          checkSoon(event.currentTarget.selectionStart);
        }}
        onKeyDown={onKey}
        onClick={look}
        onBlur={() => setOffer(null)}
        onPaste={onPaste}
      />
      <div id="query-offer" class="offer" role="listbox" aria-label={t('query.offer')} hidden={!offer}>
        {offer?.choices.map((choice, i) => (
          <div
            key={choice.text}
            aria-label={choice.text}
            id={`offer-${i}`}
            role="option"
            aria-selected={i === offer.marked}
            onPointerDown={(event) => {
              event.preventDefault();
              choose(choice);
            }}
          >
            {visible(choice.text)}
            {choice.count !== undefined && <small>{offer.kind === 'value' ? bytes(choice.count) : compact(choice.count)}</small>}
          </div>
        ))}
      </div>
      <LiveMistake />
    </div>
  );
}

/** The same text behind the field, in colour, mistakes underlined; marks where the offer belongs. */
function Coloured({ anchor }: { anchor: number }) {
  const mark = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const list = document.querySelector<HTMLElement>('#query-offer');
    const element = document.querySelector<HTMLElement>('#query');
    if (!mark.current || !list) return;
    list.style.left = `${Math.min(mark.current.offsetLeft, Math.max(0, (element?.clientWidth ?? 300) - 240))}px`;
    list.style.top = `${mark.current.offsetTop + 24 - (element?.scrollTop ?? 0)}px`;
  });
  const { start, end } = marked.value ?? { start: -1, end: -1 };
  let at = 0;
  return (
    <pre class="coloured" aria-hidden="true">
      {cut(colours(draft.value), [anchor, start, end]).map(({ text, kind }, i) => {
        const begin = at;
        at += text.length;
        const isBad = begin >= start && begin < end;
        const style = [kind !== 'text' && `q-${kind}`, isBad && 'q-bad'].filter(Boolean).join(' ');
        return (
          <Fragment key={i}>
            {begin === anchor && <i ref={mark} />}
            {style ? <span class={style}>{text}</span> : text}
          </Fragment>
        );
      })}
      {anchor >= at && <i ref={mark} />}
      {'\n'}
    </pre>
  );
}
