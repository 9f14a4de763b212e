/** A line's text with terminal colours and marked matches: text nodes only, never HTML. */

import { marked, pieces } from './text';

export function LineText({ text, matcher }: { text: string; matcher: RegExp | null }) {
  return (
    <>
      {marked(pieces(text), matcher).map((piece, i) =>
        piece.isMatch ? <mark key={i} class={piece.style || undefined}>{piece.text}</mark> : piece.style ? <span key={i} class={piece.style}>{piece.text}</span> : piece.text,
      )}
    </>
  );
}
