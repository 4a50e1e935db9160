// Compares two tag images pixel by pixel.
export interface PixelDifference { width: number; height: number; changed: Uint8Array; count: number }

// Both in RGBA as a canvas gives them. Pictures of different sizes differ in every pixel of the first.
export function comparePixels(a: ImageData, b: ImageData): PixelDifference {
  const changed = new Uint8Array(a.width * a.height);
  const sameSize = a.width === b.width && a.height === b.height;
  let count = 0;
  for (let i = 0; i < changed.length; i++) {
    const at = i * 4;
    if (sameSize && a.data[at] === b.data[at] && a.data[at + 1] === b.data[at + 1] && a.data[at + 2] === b.data[at + 2]) continue;
    changed[i] = 1;
    count++;
  }
  return { width: a.width, height: a.height, changed, count };
}

export function panelSize(panel: string): { width: number; height: number; palette: string } {
  const match = /^(\d+)x(\d+)-(\w+)$/.exec(panel);
  return match ? { width: Number(match[1]), height: Number(match[2]), palette: match[3]! } : { width: 296, height: 128, palette: 'bw' };
}
