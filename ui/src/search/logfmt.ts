/** Fields of a logfmt line, for its details; null when the line is none. */
export function logfmtOf(line: string): Record<string, string> | null {
  const found: Record<string, string> = {};
  let count = 0;
  for (const [, name, quoted, plain] of line.slice(0, 20_000).matchAll(/(?:^|\s)([A-Za-z_][\w.-]*)=(?:"((?:\\.|[^"\\])*)"|([^\s"]*))/g)) {
    if (!name) continue;
    found[name] = quoted === undefined ? (plain ?? '') : quoted.replaceAll(/\\(["\\])/g, '$1').replaceAll('\\n', '\n');
    count++;
  }
  return count >= 2 ? found : null;
}
