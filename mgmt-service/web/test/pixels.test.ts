import { describe, expect, it } from 'vitest';
import { comparePixels, panelSize } from '../src/lib/pixels';

const picture = (width: number, height: number, dark: number[] = []) => {
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (const i of dark) data.fill(0, i * 4, i * 4 + 3);
  return { width, height, data } as unknown as ImageData;
};

describe('comparing screens', () => {
  it('finds nothing between equal pictures', () => {
    expect(comparePixels(picture(4, 3, [1, 7]), picture(4, 3, [1, 7])).count).toBe(0);
  });
  it('marks each pixel that differs, in either direction', () => {
    const found = comparePixels(picture(4, 3, [1, 7]), picture(4, 3, [7, 11]));
    expect(found.count).toBe(2);
    expect([...found.changed].flatMap((c, i) => (c ? [i] : []))).toEqual([1, 11]);
  });
  it('calls pictures of different sizes different everywhere', () => {
    expect(comparePixels(picture(4, 3), picture(3, 4)).count).toBe(12);
  });
  it('reads a panel id', () => {
    expect(panelSize('296x128-bwr')).toEqual({ width: 296, height: 128, palette: 'bwr' });
  });
});
