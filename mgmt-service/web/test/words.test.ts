import { describe, expect, it } from 'vitest';
import { en } from '../src/lib/words_en';
import { zh } from '../src/lib/words_zh';

const holes = (text: string) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]))].sort();

describe('words', () => {
  it('take the same values in both languages', () => {
    const keys = Object.keys(en) as (keyof typeof en)[];
    expect(keys.filter((key) => holes(zh[key]).join() !== holes(en[key]).join())).toEqual([]);
  });
  it('are all there in Chinese, and nothing more', () => {
    expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
    expect(Object.entries(zh).filter(([, text]) => text === '')).toEqual([]);
  });
});
