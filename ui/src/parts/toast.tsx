/** A short note at the foot of the page, read aloud; the next one replaces it. */

import { signal } from '@preact/signals';

const text = signal('');
let timer = 0;

export function toast(message: string) {
  text.value = message;
  clearTimeout(timer);
  timer = setTimeout(() => (text.value = ''), 3500);
}

export function Toast() {
  return (
    <div class="toast" role="status" aria-live="polite" data-shown={text.value !== ''}>
      {text.value}
    </div>
  );
}
