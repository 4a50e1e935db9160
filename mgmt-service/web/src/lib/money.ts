// Money as integer minor units with its ISO 4217 code, to and from text. No floating point on the way.
import type { Money } from '../api/types';

export function exponentOf(currency: string): number {
  try {
    return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2;
  }
}

export interface PriceParts { whole: string; cents: string; symbol: string; symbolFirst: boolean }

// The pieces of a shelf price: whole part grouped for the locale, cents (empty for currencies without), symbol.
export function priceParts(money: Money, locale: string): PriceParts {
  const exponent = exponentOf(money.currency);
  const digits = String(money.minor).padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  const parts = new Intl.NumberFormat(locale, { style: 'currency', currency: money.currency, currencyDisplay: 'narrowSymbol' })
    .formatToParts(0);
  const symbolAt = parts.findIndex((p) => p.type === 'currency');
  return {
    whole: new Intl.NumberFormat(locale).format(BigInt(whole)),
    cents: exponent ? digits.slice(digits.length - exponent) : '',
    symbol: parts[symbolAt]?.value ?? money.currency,
    symbolFirst: symbolAt < parts.findIndex((p) => p.type === 'integer'),
  };
}

// "2,49 €" in one line, for labels and read aloud.
export function formatMoney(money: Money, locale: string): string {
  const { whole, cents, symbol, symbolFirst } = priceParts(money, locale);
  const point = new Intl.NumberFormat(locale).formatToParts(1.5).find((p) => p.type === 'decimal')?.value ?? '.';
  const amount = cents ? `${whole}${point}${cents}` : whole;
  return symbolFirst ? `${symbol}${amount}` : `${amount}\u00a0${symbol}`;
}

// As one types it: "2.49", without grouping or symbol.
export function editText(money: Money | null): string {
  if (!money) return '';
  const exponent = exponentOf(money.currency);
  const digits = String(money.minor).padStart(exponent + 1, '0');
  return exponent ? `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}` : digits;
}

export type ParsedPrice = { ok: true; money: Money } | { ok: false; why: 'empty' | 'format' | 'decimals' | 'large' };

// What a person typed: digits with at most one `.` or `,` as decimal mark. Grouping is refused, since "1.234" could be either.
export function parsePrice(text: string, currency: string): ParsedPrice {
  const clean = text.trim();
  if (clean === '') return { ok: false, why: 'empty' };
  const match = /^(\d+)(?:[.,](\d+))?$/.exec(clean);
  if (!match) return { ok: false, why: 'format' };
  const exponent = exponentOf(currency);
  const cents = match[2] ?? '';
  if (cents.length > exponent) return { ok: false, why: 'decimals' };
  const whole = (match[1] ?? '').replace(/^0+(?=\d)/, '');
  if (whole.length > 9) return { ok: false, why: 'large' };
  return { ok: true, money: { minor: Number(whole + cents.padEnd(exponent, '0')), currency } };
}

export function sameMoney(a: Money | null | undefined, b: Money | null | undefined): boolean {
  return (a?.minor ?? null) === (b?.minor ?? null) && (a?.currency ?? null) === (b?.currency ?? null);
}
