/** The last evaluations of a rule as bars: as high as they took, red where they failed; and what the last one cost. */

import type { Evaluation } from '../api/rules';
import { bytes, number, seconds, stamp, t } from '../i18n';
import { visible } from '../parts/text';

const WIDTH = 8;
const HEIGHT = 24;

export function History({ list }: { list: Evaluation[] }) {
  const longest = Math.max(1e-9, ...list.map((each) => each.seconds));
  const failed = list.filter((each) => each.error).length;
  const [last] = list;
  return (
    <>
      <svg class="history" width={list.length * WIDTH} height={HEIGHT} role="img" aria-label={t('rules.evaluated', { count: list.length, failed })}>
        {list.toReversed().map((each, i) => {
          const height = Math.max(2, (each.seconds / longest) * HEIGHT);
          return (
            <rect key={each.at} class={each.error ? 'level-error' : undefined} x={i * WIDTH} y={HEIGHT - height} width={WIDTH - 2} height={height}>
              <title>{`${stamp(Date.parse(each.at)).slice(0, 19)}\n${cost(each)}${each.error ? `\n${visible(each.error)}` : ''}`}</title>
            </rect>
          );
        })}
      </svg>
      {last && <small class="quiet-text">{cost(last)}</small>}
    </>
  );
}

const cost = (each: Evaluation) => t('rules.cost', { time: seconds(each.seconds), bytes: bytes(each.bytes), lines: number(each.lines), samples: number(each.samples) });
