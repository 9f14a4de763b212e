/** Whether a key belongs to an input method: Enter while a syllable is composed (Hangul, Kana) runs nothing. */
export const isComposing = (event: KeyboardEvent) => event.isComposing || event.keyCode === 229;
