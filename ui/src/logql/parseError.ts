/** The server's text about a query that it can't read, taken apart: place, reason, advice. */

export interface ParseError {
  message: string;
  /** Characters from the start of the query; -1 when unknown. */
  start: number;
  end: number;
  advice: string;
}

/** The server's text taken apart: `parse error at line 1, col 30: …`, the line, carets, advice. */
export function parseErrorOf(text: string, query: string): ParseError {
  const lines = text.split('\n');
  const head = /^parse error at line (\d+), col (\d+): (.*)$/.exec(lines[0] ?? '');
  const carets = lines.findIndex((line, i) => i > 0 && /^\s*\^+\s*$/.test(line));
  const explained = carets > 1 ? lines.slice(1, carets - 1) : [];
  const advice = carets < 0 ? '' : lines.slice(carets + 1).join('\n').trim();
  const message = [head?.[3] ?? lines[0] ?? '', ...explained].join('\n');
  if (!head) return { message: carets < 0 ? text : message, start: -1, end: -1, advice };
  const before = query.split('\n').slice(0, Number(head[1]) - 1);
  const start = before.reduce((sum, line) => sum + line.length + 1, 0) + Number(head[2]) - 1;
  const width = Math.max(1, (lines[carets] ?? '').trim().length);
  return { message, start, end: Math.min(query.length, start + width), advice };
}
