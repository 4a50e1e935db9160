// What the whole page shares: who is logged in, which store, language, colours, and the live connection.
import { effect, signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { createClient } from './api/client';
import { openEvents, type LiveState } from './api/events';
import type { LiveEvents, Session, Store } from './api/types';

export const session = signal<Session | null | undefined>(undefined);  // undefined: not asked yet
export const stores = signal<Store[]>([]);
export const storeId = signal<string>(remembered('store', ''));
export const live = signal<LiveState>('connecting');
export const now = signal(Date.now());

export type Lang = 'en' | 'zh';
export type Theme = 'auto' | 'light' | 'dark';
export const lang = signal<Lang>(remembered('lang', navigator.language.startsWith('zh') ? 'zh' : 'en') === 'zh' ? 'zh' : 'en');
export const theme = signal<Theme>(remembered('theme', 'auto') as Theme);
export const locale = () => (lang.value === 'zh' ? 'zh-CN' : 'en-GB');

export const api = createClient({
  fetch: (...args) => fetch(...args),
  onSignedOut: () => { session.value = null; },
});

function remembered(key: string, otherwise: string): string {
  try { return localStorage.getItem(`shelfwire.${key}`) ?? otherwise; } catch { return otherwise; }
}
function remember(key: string, value: string) {
  try { localStorage.setItem(`shelfwire.${key}`, value); } catch { /* a private window: forgotten on reload */ }
}
effect(() => remember('store', storeId.value));
effect(() => {
  remember('lang', lang.value);
  document.documentElement.lang = lang.value === 'zh' ? 'zh-Hans' : 'en';
});
effect(() => {
  remember('theme', theme.value);
  if (theme.value === 'auto') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme.value;
});
setInterval(() => { now.value = Date.now() + clockOffset; }, 5000);

let clockOffset = 0;
export function serviceNow(): number {
  return Date.now() + clockOffset;
}

export async function begin(next: Session) {
  clockOffset = next.service.now - Date.now();
  now.value = serviceNow();
  session.value = next;
  stores.value = await api.stores();
  if (!stores.value.some((s) => s.id === storeId.value)) storeId.value = stores.value[0]?.id ?? '';
}
export const store = () => stores.value.find((s) => s.id === storeId.value);
// Who is confined to several stores must say which one is meant where a list spans them all.
export const mustName = () => ((session.value?.user.stores.length ?? 0) > 1 ? storeId.value : undefined);
export const canWrite = () => !!session.value && session.value.user.role !== 'auditor';
export const isAdmin = () => session.value?.user.role === 'chain_admin';

// Live events: one connection for the page, many listeners.
type Listener<K extends keyof LiveEvents> = (data: LiveEvents[K]) => void;
const listeners = new Map<string, Set<(data: never) => void>>();
let close: (() => void) | null = null;

export function connect() {
  close?.();
  close = openEvents({
    url: api.eventsUrl(),
    fetch: (...args) => fetch(...args),
    onState: (state) => { live.value = state; },
    onSignedOut: () => { session.value = null; },
    onEvent: (event) => {
      const data = JSON.parse(event.data) as never;
      listeners.get(event.event)?.forEach((listener) => listener(data));
    },
  });
}
export function disconnect() {
  close?.();
  close = null;
}
export function on<K extends keyof LiveEvents>(event: K, listener: Listener<K>): () => void {
  const set = listeners.get(event) ?? new Set();
  listeners.set(event, set);
  set.add(listener as (data: never) => void);
  return () => { set.delete(listener as (data: never) => void); };
}
// Calls the newest `listener` for every such event while the component is there.
export function useEvent<K extends keyof LiveEvents>(event: K, listener: Listener<K>) {
  const newest = useRef(listener);
  newest.current = listener;
  useEffect(() => on(event, (data) => newest.current(data)), [event]);
}

// Short notices at the edge of the page.
export interface Toast { id: number; text: string; kind: 'good' | 'bad' | 'plain' }
export const toasts = signal<Toast[]>([]);
let nextToast = 1;
export function toast(text: string, kind: Toast['kind'] = 'plain') {
  const id = nextToast++;
  toasts.value = [...toasts.value.slice(-3), { id, text, kind }];
  setTimeout(() => { toasts.value = toasts.value.filter((t) => t.id !== id); }, kind === 'bad' ? 9000 : 4500);
}
