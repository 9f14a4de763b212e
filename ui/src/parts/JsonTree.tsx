/** A JSON value as a tree; leaves can be clicked to filter. Large lists and texts are cut until asked for. */

import { useState } from 'preact/hooks';
import { t } from '../i18n';
import { visible } from './text';

const CHILDREN_SHOWN = 100;
const CHARS_SHOWN = 2000;
const DEPTH_OPEN = 3;

export type Pick = (path: string[], value: string, op: '=' | '!=') => void;

interface Props {
  value: unknown;
  path: string[];
  pick?: Pick | undefined;
  depth?: number;
}

export function JsonTree({ value, path, pick, depth = 0 }: Props) {
  if (value === null || typeof value !== 'object') return <Leaf value={value} path={path} pick={pick} />;
  return <Branch value={value} path={path} pick={pick} depth={depth} />;
}

function Branch({ value, path, pick, depth = 0 }: Props & { value: object }) {
  const [isOpen, setOpen] = useState(depth < DEPTH_OPEN);
  const [shown, setShown] = useState(CHILDREN_SHOWN);
  const isList = Array.isArray(value);
  const children = Object.entries(value);
  const [open, close] = isList ? ['[', ']'] : ['{', '}'];
  if (!children.length) return <span class="json-mark">{open + close}</span>;
  return (
    <span class="json">
      <button type="button" class="json-fold" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {isOpen ? open : `${open} ${children.length} ${close}`}
      </button>
      {isOpen && (
        <>
          <ul>
            {children.slice(0, shown).map(([name, child]) => (
              <li key={name}>
                {!isList && <span class="json-key">{visible(name)}</span>}
                {!isList && <span class="json-mark">: </span>}
                <JsonTree value={child} path={[...path, name]} pick={isList ? undefined : pick} depth={depth + 1} />
              </li>
            ))}
            {children.length > shown && (
              <li>
                <button type="button" class="quiet" onClick={() => setShown(shown * 10)}>
                  … {children.length - shown}
                </button>
              </li>
            )}
          </ul>
          <span class="json-mark">{close}</span>
        </>
      )}
    </span>
  );
}

function Leaf({ value, path, pick }: { value: unknown; path: string[]; pick?: Pick | undefined }) {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const kind = value === null ? 'null' : typeof value;
  const cut = text.length > CHARS_SHOWN ? `${text.slice(0, CHARS_SHOWN)}…` : text;
  const name = path.join('_');
  return (
    <span class="json-leaf">
      <span class={`json-${kind}`}>{kind === 'string' ? `"${visible(cut)}"` : visible(cut)}</span>
      {pick && text.length <= 500 && (
        <span class="picks">
          <button type="button" title={t('fields.with', { name, value: text })} aria-label={t('fields.with', { name, value: text })} onClick={() => pick(path, text, '=')}>+</button>
          <button type="button" title={t('fields.without', { name, value: text })} aria-label={t('fields.without', { name, value: text })} onClick={() => pick(path, text, '!=')}>−</button>
        </span>
      )}
    </span>
  );
}
