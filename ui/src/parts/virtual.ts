/** A hook over virtual-core: which rows of a long list are drawn, and where. */

import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';
import { useLayoutEffect, useState } from 'preact/hooks';

export type List = Virtualizer<HTMLElement, HTMLElement>;

export interface ListOptions {
  count: number;
  element: () => HTMLElement | null;
  estimate: (index: number) => number;
  /** The same function as long as the rows are the same: another makes all places be computed again. */
  key: (index: number) => number;
}

export function useVirtual({ count, element, estimate, key }: ListOptions): List {
  const [, redraw] = useState(0);
  const options = {
    count,
    getScrollElement: element,
    estimateSize: estimate,
    getItemKey: key,
    overscan: 12,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => redraw((n) => n + 1),
  };
  const [list] = useState(() => new Virtualizer<HTMLElement, HTMLElement>(options));
  list.setOptions(options);
  useLayoutEffect(() => list._didMount(), []);
  useLayoutEffect(() => list._willUpdate());
  return list;
}
