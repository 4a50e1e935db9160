// Our own line icons on a 24 grid.
import type { JSX } from 'preact';

const shapes = {
  dashboard: 'M4 13h6V4H4zM14 20h6v-9h-6zM14 4v3h6V4zM4 17v3h6v-3z',
  products: 'M12 3l8 4.5v9L12 21l-8-4.5v-9zM4.2 7.6L12 12l7.8-4.4M12 12v9',
  tags: 'M3 5h18M5 5v3M19 5v3M5 8h14v9H5zM8 14v-3M11 14v-3M14 11.5h2.5',
  changes: 'M4 7h12M13 4l3 3-3 3M20 17H8M11 14l-3 3 3 3',
  import: 'M12 15V4M8 8l4-4 4 4M4 15v4a1 1 0 001 1h14a1 1 0 001-1v-4',
  audit: 'M12 3l7 3v5c0 4.5-3 8-7 10-4-2-7-5.5-7-10V6zM9 11.5l2.2 2.2L15 10',
  settings: 'M4 7h9M17 7h3M4 12h3M11 12h9M4 17h11M19 17h1M15 5v4M9 10v4M17 15v4',
  search: 'M11 4a7 7 0 110 14 7 7 0 010-14zM16 16l4.5 4.5',
  sun: 'M12 8a4 4 0 110 8 4 4 0 010-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4',
  moon: 'M20 14.5A8.5 8.5 0 019.5 4 8.5 8.5 0 1020 14.5z',
  auto: 'M12 3.5a8.5 8.5 0 110 17 8.5 8.5 0 010-17zM12 4v16M12 8h6.5M12 12h8M12 16h6.5',
  close: 'M6 6l12 12M18 6L6 18',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  alert: 'M12 4l9 16H3zM12 10v4.5M12 17.2v.3',
  clock: 'M12 3.5a8.5 8.5 0 110 17 8.5 8.5 0 010-17zM12 7.5V12l3 2',
  arrow: 'M5 12h14M13 6l6 6-6 6',
  bulb: 'M9 18h6M10 21h4M8.5 14.5C7 13.5 6 11.8 6 10a6 6 0 1112 0c0 1.8-1 3.5-2.5 4.5V16h-7z',
  link: 'M10 14l4-4M8.5 11.5L6 14a3.5 3.5 0 005 5l2.5-2.5M15.5 12.5L18 10a3.5 3.5 0 00-5-5l-2.5 2.5',
  unlink: 'M8.5 11.5L6 14a3.5 3.5 0 005 5l2.5-2.5M15.5 12.5L18 10a3.5 3.5 0 00-5-5l-2.5 2.5M4 4l16 16',
  ap: 'M12 15a2 2 0 110 4 2 2 0 010-4zM8 13a5.5 5.5 0 018 0M5 10a10 10 0 0114 0M2.5 7a13.5 13.5 0 0119 0',
  battery: 'M3 8h15v8H3zM21 11v2M6 11v2M9 11v2',
  scan: 'M4 8V5a1 1 0 011-1h3M16 4h3a1 1 0 011 1v3M20 16v3a1 1 0 01-1 1h-3M8 20H5a1 1 0 01-1-1v-3M8 9v6M11 9v6M14 9v6M16.5 9v6',
  more: 'M6 12h.01M12 12h.01M18 12h.01',
  user: 'M12 4a4 4 0 110 8 4 4 0 010-8zM4.5 20c.8-3.5 3.8-5.5 7.5-5.5s6.7 2 7.5 5.5',
  out: 'M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9',
  chevron: 'M9 6l6 6-6 6',
  key: 'M8 10.5a4 4 0 110 8 4 4 0 010-8zM11 12l8.5-8.5M16 7l3 3',
  plus: 'M12 5v14M5 12h14',
  percent: 'M6 18L18 6M7.5 6a1.5 1.5 0 110 3 1.5 1.5 0 010-3zM16.5 15a1.5 1.5 0 110 3 1.5 1.5 0 010-3z',
} as const;
export type IconName = keyof typeof shapes;

export function Icon({ name, size = 20, ...rest }: { name: IconName; size?: number } & JSX.SVGAttributes<SVGSVGElement>) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" {...rest}>
      <path d={shapes[name]} />
    </svg>
  );
}

export function Mark({ size = 30 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" class="mark">
      <path d="M1.5 9h29" class="mark-wire" />
      <rect x="6" y="9" width="20" height="16" rx="3" class="mark-tag" />
      <path d="M10.2 21v-7.5l-1.5 1" class="mark-ink" />
      <path d="M14 21.2h.01" class="mark-ink" />
      <path d="M18 13.5h4.5l-2.3 3c2 .1 2.8 1.2 2.6 2.5-.3 2-3.2 2.5-4.8 1.2" class="mark-ink" />
    </svg>
  );
}
