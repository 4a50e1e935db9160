// Addresses live behind '#', so the service serves one file: #/tags/FFFF92103A07?state=failed
import { signal } from '@preact/signals';
import { queryString, type Query } from '../api/client';

export interface Route { page: string; id: string; query: Record<string, string> }

export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?');
  const [page = '', ...rest] = path.split('/');
  return { page: page || 'dashboard', id: decodeURIComponent(rest.join('/')), query: Object.fromEntries(new URLSearchParams(search)) };
}
export function href(page: string, id = '', query: Query = {}): string {
  return `#/${page}${id ? `/${encodeURIComponent(id)}` : ''}${queryString(query)}`;
}
export const route = signal<Route>(parseRoute(location.hash));
addEventListener('hashchange', () => {
  const before = route.value.page + route.value.id;
  route.value = parseRoute(location.hash);
  if (before !== route.value.page + route.value.id) {
    scrollTo(0, 0);
    document.getElementById('main')?.focus({ preventScroll: true });
  }
});
export function go(to: string) {
  location.hash = to;
}
// Changes the filters of this page without a step in the history.
export function setQuery(query: Query) {
  const { page, id } = route.value;
  history.replaceState(null, '', href(page, id, { ...route.value.query, ...query }));
  route.value = parseRoute(location.hash);
}
