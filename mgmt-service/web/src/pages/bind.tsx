// Binds tags to products by scanning: a scanner that types, or the phone's camera where the browser reads codes. After
// each pair the first field is ready again, so that one walks along the shelf.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Product, Tag } from '../api/types';
import { t } from '../lib/i18n';
import { Drawer, problemText } from '../parts/bits';
import { WantedScreen } from '../parts/tag_screen';
import { Icon } from '../shell/icons';
import { api, storeId } from '../state';

export const cleanTagId = (text: string) => text.toUpperCase().replace(/[^0-9A-F]/g, '');
export const isTagId = (id: string) => id.length === 12 || id.length === 16;

export function BindDrawer({ tag, onClose }: { tag?: Tag; onClose: () => void }) {
  const [tagText, setTagText] = useState(tag?.id ?? '');
  const [productText, setProductText] = useState('');
  const [position, setPosition] = useState(tag?.position ?? '');
  const [error, setError] = useState<{ where: 'tag' | 'product' | ''; text: string } | null>(null);
  const [done, setDone] = useState<Tag[]>([]);
  const [busy, setBusy] = useState(false);
  const [camera, setCamera] = useState<'tag' | 'product' | null>(null);
  const tagField = useRef<HTMLInputElement>(null);
  const productField = useRef<HTMLInputElement>(null);
  const [matches, setMatches] = useState<Product[]>([]);

  useEffect(() => { (tag ? productField : tagField).current?.focus(); }, []);
  useEffect(() => {
    if (productText.trim().length < 2) return setMatches([]);
    const timer = setTimeout(() => {
      api.products(storeId.value, { q: productText.trim(), limit: 5 }).then((p) => setMatches(p.items), () => setMatches([]));
    }, 200);
    return () => clearTimeout(timer);
  }, [productText]);

  const toProduct = () => {
    const id = cleanTagId(tagText);
    if (!isTagId(id)) return setError({ where: 'tag', text: t('not_a_tag_id') });
    setError(null);
    setTagText(id);
    productField.current?.focus();
  };
  const bind = async (product: string) => {
    const id = cleanTagId(tagText);
    if (!isTagId(id)) { tagField.current?.focus(); return setError({ where: 'tag', text: t('not_a_tag_id') }); }
    if (!product.trim() || busy) return;
    setBusy(true);
    try {
      const bound = await api.bind(id, { store: storeId.value, products: [product.trim()], position });
      setDone((d) => [bound, ...d].slice(0, 20));
      setError(null);
      setTagText('');
      setProductText('');
      setMatches([]);
      tagField.current?.focus();
    } catch (e) {
      setError({ where: 'product', text: problemText(e as Error) });
      productField.current?.select();
    }
    setBusy(false);
  };
  const scanned = (text: string) => {
    if (camera === 'tag') { setTagText(cleanTagId(text)); setCamera(null); productField.current?.focus(); }
    else { setCamera(null); void bind(text); }
  };
  return (
    <Drawer title={t('bind_by_scan')} onClose={onClose}>
      <p class="drawer-sub">{t('bind_help')}</p>
      <form class="editor" onSubmit={(e) => { e.preventDefault(); void bind(productText); }}>
        <label class="field"><span>1 · {t('tag')}</span>
          <span class="scan-input">
            <input ref={tagField} class="code" value={tagText} onInput={(e) => setTagText(e.currentTarget.value)} placeholder="FFFF92103A07" autocomplete="off" spellcheck={false}
              aria-invalid={error?.where === 'tag'} onKeyDown={(e) => { if (e.key === 'Enter') { e.preventDefault(); toProduct(); } }} />
            <CameraButton onClick={() => setCamera('tag')} />
          </span>
        </label>
        <label class="field"><span>2 · {t('product')}</span>
          <span class="scan-input">
            <input ref={productField} value={productText} onInput={(e) => setProductText(e.currentTarget.value)} placeholder="9008700124195" autocomplete="off" spellcheck={false}
              aria-invalid={error?.where === 'product'} />
            <CameraButton onClick={() => setCamera('product')} />
          </span>
        </label>
        {matches.length > 0 && (
          <ul class="matches">
            {matches.map((p) => <li key={p.id}><button type="button" onClick={() => void bind(p.id)}><b>{p.name}</b><small>{p.brand} <span class="code">{p.id}</span></small></button></li>)}
          </ul>
        )}
        <label class="field"><span>{t('position')} <small class="muted">{t('optional')}</small></span><input value={position} onInput={(e) => setPosition(e.currentTarget.value)} maxLength={64} /></label>
        {error && <div class="notice notice-bad" role="alert"><Icon name="alert" /><span>{error.text}</span></div>}
        {camera && <Camera onCode={scanned} onClose={() => setCamera(null)} />}
        <div class="drawer-foot"><button type="submit" class="button primary big" disabled={busy || !tagText || !productText}>{t('bind')}</button></div>
      </form>
      {done.map((d) => (
        <section key={d.id + String(d.desired?.version)} class="follow-tag">
          <div class="bench"><WantedScreen tag={d} /></div>
          <p><Icon name="check" size={16} /><span class="code">{d.id}</span><small class="muted">{d.products[0]?.name}</small></p>
        </section>
      ))}
    </Drawer>
  );
}

interface Detector { detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]> }
const detectorClass = () => (globalThis as { BarcodeDetector?: new () => Detector }).BarcodeDetector;

function CameraButton({ onClick }: { onClick: () => void }) {
  if (!detectorClass() || !navigator.mediaDevices) return null;
  return <button type="button" class="icon-button" onClick={onClick} aria-label={t('use_camera')}><Icon name="scan" /></button>;
}
function Camera({ onCode, onClose }: { onCode: (text: string) => void; onClose: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    let stream: MediaStream | null = null;
    let stopped = false;
    const detector = new (detectorClass()!)();
    const look = async () => {
      if (stopped || !video.current) return;
      const found = await detector.detect(video.current).catch(() => []);
      if (found[0]) return onCode(found[0].rawValue);
      setTimeout(look, 150);
    };
    navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } }).then((s) => {
      if (stopped || !video.current) return s.getTracks().forEach((track) => track.stop());
      stream = s;
      video.current.srcObject = s;
      return video.current.play().then(look);
    }, onClose);
    return () => { stopped = true; stream?.getTracks().forEach((track) => track.stop()); };
  }, []);
  return <div class="camera"><video ref={video} muted playsInline /><button type="button" class="button small" onClick={onClose}>{t('close')}</button></div>;
}
