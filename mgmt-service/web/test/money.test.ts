import { describe, expect, it } from 'vitest';
import { editText, exponentOf, formatMoney, parsePrice, priceParts, sameMoney } from '../src/lib/money';

const eur = (minor: number) => ({ minor, currency: 'EUR' });

describe('money', () => {
  it('splits a price into whole part and cents without floating point', () => {
    expect(priceParts(eur(249), 'hr-HR')).toMatchObject({ whole: '2', cents: '49', symbol: '€', symbolFirst: false });
    expect(priceParts(eur(5), 'en-GB')).toMatchObject({ whole: '0', cents: '05', symbolFirst: true });
    expect(priceParts(eur(9007199254740991), 'en-GB').whole).toBe('90,071,992,547,409');
  });
  it('keeps as many decimals as the currency has', () => {
    expect([exponentOf('EUR'), exponentOf('JPY'), exponentOf('KWD')]).toEqual([2, 0, 3]);
    expect(priceParts({ minor: 198, currency: 'JPY' }, 'en')).toMatchObject({ whole: '198', cents: '' });
    expect(priceParts({ minor: 1250, currency: 'KWD' }, 'en')).toMatchObject({ whole: '1', cents: '250' });
  });
  it('writes a price as the store reads it', () => {
    expect(formatMoney(eur(123450), 'hr-HR')).toBe('1.234,50\u00a0€');
    expect(formatMoney(eur(249), 'en-GB')).toBe('€2.49');
  });
  it('reads what a person typed, with point or comma', () => {
    for (const text of ['2.49', '2,49', ' 2,49 ', '02.49']) expect(parsePrice(text, 'EUR')).toEqual({ ok: true, money: eur(249) });
    expect(parsePrice('3', 'EUR')).toEqual({ ok: true, money: eur(300) });
    expect(parsePrice('3.5', 'EUR')).toEqual({ ok: true, money: eur(350) });
  });
  it.each([
    ['', 'empty'], ['abc', 'format'], ['-1', 'format'], ['1.234,50', 'format'], ['2.', 'format'], ['2.495', 'decimals'], ['1234567890', 'large'],
  ])('refuses %j as %s', (text, why) => {
    expect(parsePrice(text, 'EUR')).toEqual({ ok: false, why });
  });
  it('refuses decimals that the currency does not have', () => {
    expect(parsePrice('198.5', 'JPY')).toEqual({ ok: false, why: 'decimals' });
  });
  it('gives back by editText what parsePrice took', () => {
    for (const minor of [0, 5, 99, 100, 249, 123450]) expect(parsePrice(editText(eur(minor)), 'EUR')).toEqual({ ok: true, money: eur(minor) });
  });
  it('tells a missing price from a price of zero', () => {
    expect(sameMoney(null, eur(0))).toBe(false);
    expect(sameMoney(null, undefined)).toBe(true);
  });
});
