/** Icons drawn as paths: no fonts, no files. */

const PATHS = {
  search: 'M11 4a7 7 0 1 0 4.3 12.5L20 21M11 4a7 7 0 0 1 5 12',
  play: 'M7 4.5v15l12-7.5z',
  stop: 'M6 6h12v12H6z',
  pause: 'M8 5v14M16 5v14',
  follow: 'M11.5 12a.5.5 0 1 0 1 0a.5.5 0 1 0-1 0M8.5 8.5a5 5 0 0 0 0 7M15.5 8.5a5 5 0 0 1 0 7M5.5 5.5a9 9 0 0 0 0 13M18.5 5.5a9 9 0 0 1 0 13',
  left: 'M15 5l-7 7 7 7',
  right: 'M9 5l7 7-7 7',
  down: 'M5 9l7 7 7-7',
  out: 'M4 12h16M8 8l-4 4 4 4M16 8l4 4-4 4',
  close: 'M6 6l12 12M18 6L6 18',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  columns: 'M4 5h16v14H4zM10 5v14M15 5v14',
  wrap: 'M4 6h16M4 12h13a3 3 0 0 1 0 6h-4m0 0l2-2m-2 2l2 2M4 18h5',
  braces: 'M9 4c-3 0-2 3-2 5s-1 3-3 3c2 0 3 1 3 3s-1 5 2 5M15 4c3 0 2 3 2 5s1 3 3 3c-2 0-3 1-3 3s1 5-2 5',
  download: 'M12 4v11m0 0l-4-4m4 4l4-4M5 20h14',
  share: 'M14 4h6v6M20 4l-9 9M18 14v6H4V6h6',
  settings: 'M4 7h9m4 0h3M4 17h3m4 0h9M15 5v4M9 15v4',
  changes: 'M4 18l5-6 4 3 7-9M15 6h5v5',
  order: 'M7 5v14m0 0l-3-3m3 3l3-3M13 6h7M13 12h5M13 18h3',
  fields: 'M4 6h16M4 12h10M4 18h6',
  link: 'M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  around: 'M4 5h16M4 19h16M4 12h16M8 9l4-2 4 2M8 15l4 2 4-2',
  trace: 'M4 6h8v4H4zM12 8h4v8h4M14 14h6v4h-6z',
  history: 'M4 12a8 8 0 1 0 3-6.2M4 4v4h4M12 8v5l3 2',
  keys: 'M3 7h18v11H3zM7 11h.01M11 11h.01M15 11h.01M8 15h8',
  save: 'M6 4h12v17l-6-5-6 5z',
  warn: 'M12 4l9 16H3zM12 10v5M12 17.5v.5',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
