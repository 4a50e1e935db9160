// Words in two languages. Both tables have the same keys (the compiler checks); `{n}` is replaced by the value given; `one|many`
// is chosen by n.
import { lang } from '../state';
import { en } from './words_en';
import { zh } from './words_zh';

export type Key = keyof typeof en;
export type Words = Record<Key, string>;
const tables: Record<'en' | 'zh', Words> = { en, zh };

// A name from the service for which there is no word yet (`fail_frozen`) is shown as it is, without its prefix.
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const text = tables[lang.value][key] as string | undefined;
  if (text === undefined) return key.replace(/^[a-z]+_/, '').replace(/_/g, ' ');
  const [one = '', many = one] = text.split('|');
  return (values['n'] === 1 ? one : many).replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
export function known(key: string): key is Key {
  return key in en;
}
