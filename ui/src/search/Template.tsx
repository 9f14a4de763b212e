/** A template of lines, its gaps drawn as such. */

import { visible } from '../parts/text';

export function Template({ text }: { text: string }) {
  return <>{text.split('<_>').flatMap((part, i) => (i ? [<i key={i} class="hole">…</i>, visible(part)] : [visible(part)]))}</>;
}
