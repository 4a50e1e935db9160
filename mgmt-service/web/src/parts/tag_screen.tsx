// A tag as it hangs on the shelf: the casing, and in it the picture the service has for it.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Tag } from '../api/types';
import { t } from '../lib/i18n';
import { comparePixels, panelSize } from '../lib/pixels';
import { api } from '../state';

export function Casing({ panel, src, alt, fresh, dim, onError }: {
  panel: string; src: string | null; alt: string; fresh?: boolean; dim?: boolean; onError?: () => void;
}) {
  const { width, height } = panelSize(panel);
  const [broken, setBroken] = useState(false);
  useEffect(() => setBroken(false), [src]);
  return (
    <span class={`casing${fresh ? ' casing-fresh' : ''}${dim ? ' casing-dim' : ''}`} style={{ '--w': width, '--h': height }}>
      <span class="paper" style={{ aspectRatio: `${width} / ${height}` }}>
        {src && !broken
          ? <img src={src} alt={alt} width={width} height={height} decoding="async" onError={() => { setBroken(true); onError?.(); }} />
          : <span class="paper-empty">{alt}</span>}
      </span>
    </span>
  );
}

export const isSame = (tag: Tag) => !!tag.desired && !!tag.reported && tag.desired.image === tag.reported.image;

const nameOf = (tag: Tag) => tag.products[0]?.name ?? tag.id;
// What the tag itself last confirmed. Glows for a moment when another picture arrives.
export function ShownScreen({ tag }: { tag: Tag }) {
  const image = tag.reported?.image ?? null;
  const before = useRef(image);
  const [fresh, setFresh] = useState(false);
  useEffect(() => {
    if (before.current === image) return;
    before.current = image;
    setFresh(true);
    const timer = setTimeout(() => setFresh(false), 2600);
    return () => clearTimeout(timer);
  }, [image]);
  return <Casing panel={tag.panel} src={image ? api.shownUrl(tag) : null} fresh={fresh}
    alt={image ? t('alt_shown', { name: nameOf(tag) }) : t('nothing_confirmed')} />;
}
export function WantedScreen({ tag }: { tag: Tag }) {
  return <Casing panel={tag.panel} src={tag.desired ? api.wantedUrl(tag) : null} dim
    alt={tag.desired ? t('alt_wanted', { name: nameOf(tag) }) : t('nothing_wanted')} />;
}

async function pixelsOf(url: string): Promise<ImageData> {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

// The wanted picture, faded; strong where ink is to come, pale where ink on the shelf is to go.
const kComes = [196, 0, 104] as const;
const kGoes = [255, 184, 216] as const;
export function DifferenceScreen({ tag, onCount }: { tag: Tag; onCount?: (changed: number, all: number) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [state, setState] = useState<'wait' | 'done' | 'failed'>('wait');
  const { width, height } = panelSize(tag.panel);
  const wanted = tag.desired ? api.wantedUrl(tag) : null;
  const shown = tag.reported ? api.shownUrl(tag) : null;
  useEffect(() => {
    if (!wanted || !shown) return setState('failed');
    let gone = false;
    Promise.all([pixelsOf(wanted), pixelsOf(shown)]).then(([a, b]) => {
      const context = canvas.current?.getContext('2d');
      if (gone || !context) return;
      const difference = comparePixels(a, b);
      for (let i = 0; i < difference.changed.length; i++) {
        const at = i * 4;
        const light = (a.data[at] ?? 0) + (a.data[at + 1] ?? 0) + (a.data[at + 2] ?? 0) > 600;
        const mark = difference.changed[i] !== 1 ? null : light ? kGoes : kComes;
        for (let c = 0; c < 3; c++) a.data[at + c] = mark?.[c] ?? 255 - (255 - (a.data[at + c] ?? 255)) * 0.3;
      }
      canvas.current!.width = a.width;
      canvas.current!.height = a.height;
      context.putImageData(a, 0, 0);
      setState('done');
      onCount?.(difference.count, difference.changed.length);
    }, () => { if (!gone) setState('failed'); });
    return () => { gone = true; };
  }, [wanted, shown]);
  return (
    <span class="casing" style={{ '--w': width, '--h': height }}>
      <span class="paper" style={{ aspectRatio: `${width} / ${height}` }}>
        <canvas ref={canvas} width={width} height={height} role="img" aria-label={t('difference')} hidden={state !== 'done'} />
        {state === 'failed' && <span class="paper-empty">{t('nothing_to_compare')}</span>}
      </span>
    </span>
  );
}
