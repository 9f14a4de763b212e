/** Levels of entries: one letter, one colour and one place in every list and chart. */

export const LEVELS = ['critical', 'error', 'warn', 'info', 'debug', 'trace', 'unknown'] as const;

export type Level = (typeof LEVELS)[number];

export const LETTERS: Record<Level, string> = { critical: 'C', error: 'E', warn: 'W', info: 'I', debug: 'D', trace: 'T', unknown: '·' };

/** The level a text names, as Loki's detection spells them. */
export function levelOf(text: string | undefined): Level {
  switch ((text ?? '').toLowerCase()) {
    case 'critical': case 'fatal': case 'emerg': case 'emergency': case 'alert': case 'crit': case 'panic': return 'critical';
    case 'error': case 'err': case 'eror': return 'error';
    case 'warn': case 'warning': return 'warn';
    case 'info': case 'information': case 'informational': case 'notice': return 'info';
    case 'debug': case 'dbug': return 'debug';
    case 'trace': return 'trace';
    default: return 'unknown';
  }
}

export function isBad(level: Level): boolean {
  return level === 'error' || level === 'critical';
}
