// Changes one product's price or promotion, shows what its tags will look like before, and follows them after.
import { useMemo, useState } from 'preact/hooks';
import { newKey } from '../api/client';
import type { Change, Job, JobState, NewChange, Product, Tag } from '../api/types';
import { t, type Key } from '../lib/i18n';
import { useDebounced, useLoad } from '../lib/load';
import { editText, exponentOf, parsePrice, sameMoney } from '../lib/money';
import { fromLocalInput, toLocalInput } from '../lib/time';
import { ChangeBadge, Drawer, Failed, JobBadge, Price, problemText, Progress, promotionNow, span, When } from '../parts/bits';
import { Casing, ShownScreen } from '../parts/tag_screen';
import { Icon } from '../shell/icons';
import { href } from '../shell/router';
import { api, canWrite, mustName, serviceNow, store, useEvent } from '../state';

const kWeek = 7 * 86400000;

export function ProductEditor({ product, onClose }: { product: Product; onClose: () => void }) {
  const currency = product.price?.currency ?? store()?.currency ?? 'EUR';
  const had = product.promotion && product.promotion.to > serviceNow() ? product.promotion : null;
  const [price, setPrice] = useState(editText(product.price));
  const [withPromotion, setWithPromotion] = useState(!!had);
  const [promoPrice, setPromoPrice] = useState(editText(had?.price ?? null));
  const [from, setFrom] = useState(toLocalInput(had?.from ?? serviceNow()));
  const [to, setTo] = useState(toLocalInput(had?.to ?? serviceNow() + kWeek));
  const [later, setLater] = useState(false);
  const [at, setAt] = useState(toLocalInput(serviceNow() + 3600000));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const [sent, setSent] = useState<Change | null>(null);
  const key = useMemo(newKey, [price, withPromotion, promoPrice, from, to, later, at]);

  const main = parsePrice(price, currency);
  const promo = parsePrice(promoPrice, currency);
  const begins = fromLocalInput(from);
  const ends = fromLocalInput(to);
  const priceChanged = main.ok && !sameMoney(main.money, product.price);
  const promoChanged = withPromotion
    ? promo.ok && (!had || !sameMoney(promo.money, had.price) || toLocalInput(had.from) !== from || toLocalInput(had.to) !== to)
    : !!had;
  const periodWrong = withPromotion && (begins === null || ends === null || ends <= begins);
  const ready = canWrite() && main.ok && (!withPromotion || promo.ok) && !periodWrong && (priceChanged || promoChanged);
  const promoCounts = withPromotion && promo.ok && begins !== null && (later ? true : begins <= serviceNow() + 60000);

  const save = async () => {
    if (!ready || busy || !main.ok) return;
    const item: NewChange['items'][number] = { product: product.id };
    if (priceChanged) item.price = main.money;
    if (promoChanged) item.promotion = withPromotion && promo.ok ? { price: promo.money, from: begins!, to: ends! } : null;
    setBusy(true);
    setError('');
    try {
      setSent(await api.createChange(product.store, { title: product.name, at: later ? fromLocalInput(at) : null, items: [item] }, key));
    } catch (failure) {
      setError(problemText(failure as Error));
    }
    setBusy(false);
  };
  const onKey = (e: KeyboardEvent) => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); void save(); } };

  return (
    <Drawer title={product.name} onClose={onClose}>
      <p class="drawer-sub">{product.brand && <>{product.brand} · </>}<span class="code">{product.id}</span> · {sent ? t('before') : t('now')} <Price money={product.price_now} size="s" promo={promotionNow(product.promotion)} /></p>
      {sent ? <Follow change={sent} product={product} onClose={onClose} /> : (
        <form class="editor" onSubmit={(e) => { e.preventDefault(); void save(); }} onKeyDown={onKey}>
          <Preview product={product} price={main.ok ? main.money.minor : undefined} promo={promoCounts && promo.ok ? promo.money.minor : withPromotion ? undefined : 0} />
          <PriceField label={t('price')} value={price} onInput={setPrice} currency={currency} parsed={main} focus />
          <label class="switch"><input type="checkbox" checked={withPromotion} onChange={(e) => setWithPromotion(e.currentTarget.checked)} /><i /><span>{t('promotion')}</span></label>
          {withPromotion && (
            <fieldset class="promo-fields">
              <legend class="sr">{t('promotion')}</legend>
              <PriceField label={t('promo_price')} value={promoPrice} onInput={setPromoPrice} currency={currency} parsed={promo} />
              <label class="field"><span>{t('from')}</span><input type="datetime-local" value={from} onInput={(e) => setFrom(e.currentTarget.value)} /></label>
              <label class="field"><span>{t('to')}</span><input type="datetime-local" value={to} onInput={(e) => setTo(e.currentTarget.value)} aria-invalid={periodWrong} /></label>
              {periodWrong && <p class="hint hint-bad">{t('period_wrong')}</p>}
              <p class="hint">{t('prior_hint')}</p>
            </fieldset>
          )}
          <label class="switch"><input type="checkbox" checked={later} onChange={(e) => setLater(e.currentTarget.checked)} /><i /><span>{t('at_a_time')}</span></label>
          {later && <label class="field"><span>{t('in_force_from')}</span><input type="datetime-local" value={at} onInput={(e) => setAt(e.currentTarget.value)} /></label>}
          {error && <div class="notice notice-bad" role="alert"><Icon name="alert" /><span>{error}</span></div>}
          <div class="drawer-foot">
            <button type="submit" class="button primary big" disabled={!ready || busy}>
              {busy ? t('sending') : later ? t('schedule') : t('put_on_shelf')}
            </button>
            <small class="muted">{product.tags.length === 0 ? t('no_tag_shows_it') : t('n_tags_will_change', { n: product.tags.length })} <kbd>Ctrl</kbd> <kbd>↵</kbd></small>
          </div>
        </form>
      )}
    </Drawer>
  );
}

function PriceField({ label, value, onInput, currency, parsed, focus }: {
  label: string; value: string; onInput: (v: string) => void; currency: string; parsed: ReturnType<typeof parsePrice>; focus?: boolean;
}) {
  const wrong = !parsed.ok && parsed.why !== 'empty';
  return (
    <label class="field field-price">
      <span>{label}</span>
      <span class="price-input">
        <input value={value} onInput={(e) => onInput(e.currentTarget.value)} inputMode="decimal" autocomplete="off" autofocus={focus}
          aria-invalid={wrong} onFocus={(e) => e.currentTarget.select()} disabled={!canWrite()} />
        <b>{currency}</b>
      </span>
      {wrong && <small class="hint hint-bad">{parsed.why === 'decimals' ? t('too_many_decimals', { n: exponentOf(currency), c: currency }) : parsed.why === 'large' ? t('too_large') : t('not_a_price')}</small>}
    </label>
  );
}

function Preview({ product, price, promo }: { product: Product; price?: number; promo?: number }) {
  const panels = [...new Set(product.tags.map((x) => x.panel))];
  const [picked, setPicked] = useState(panels[0] ?? '296x128-bwr');
  const tried = useDebounced(`${price}|${promo}`, 200);
  const src = useMemo(() => api.previewUrl(product.store, product.id, { panel: picked, price, promo_price: promo }), [tried, picked]);
  return (
    <section class="preview" aria-label={t('preview')}>
      <div class="bench"><Casing panel={picked} src={src} alt={t('preview_of', { name: product.name })} /></div>
      <div class="preview-foot">
        <small class="muted">{t('preview_help')}</small>
        {panels.length > 1 && <select value={picked} onChange={(e) => setPicked(e.currentTarget.value)} aria-label={t('panel')}>{panels.map((p) => <option key={p}>{p}</option>)}</select>}
      </div>
    </section>
  );
}

// After sending: the change, each tag's job, and the tags' own screens as they turn.
export function Follow({ change: first, product, onClose }: { change: Change; product: Product; onClose: () => void }) {
  const [change, setChange] = useState(first);
  useEvent('change', (c) => { if (c.id === first.id) setChange(c); });
  const jobs = useLoad(() => api.jobs({ store: mustName(), change: first.id, limit: 50 }), [first.id, change.jobs_total]);
  useEvent('job', (job) => {
    if (job.change !== first.id) return;
    jobs.set((old) => old && { ...old, items: old.items.some((j) => j.id === job.id) ? old.items.map((j) => (j.id === job.id ? { ...j, ...job } : j)) : [...old.items, job] });
  });
  return (
    <div class="follow">
      <div class="follow-head">
        <ChangeBadge state={change.state} />
        <span>{change.state === 'scheduled' ? <>{t('in_force_from')} <When at={change.at} /></> : change.jobs_total === 0 ? t('no_tag_shows_it') : t('n_of_m_displayed', { n: change.counts.displayed ?? 0, m: change.jobs_total })}</span>
        {change.timings.p99_ms !== null && <b class="follow-time">{span(change.timings.p99_ms)}</b>}
      </div>
      {change.jobs_total > 0 && <Progress counts={change.counts} total={change.jobs_total} />}
      {jobs.error && <Failed error={jobs.error} retry={jobs.reload} />}
      {product.tags.map((x) => <FollowTag key={x.id} id={x.id} state={jobs.data?.items.find((j) => j.tag === x.id)} />)}
      <div class="drawer-foot">
        <button type="button" class="button primary big" onClick={onClose}>{t('finish')}</button>
        <a class="button" href={href('changes', first.id)}>{t('see_change')}</a>
      </div>
    </div>
  );
}
function FollowTag({ id, state }: { id: string; state: Job | undefined }) {
  const tag = useLoad<Tag>(() => api.tag(id), [id]);
  useEvent('tag', (next) => { if (next.id === id) tag.set(next); });
  if (!tag.data) return null;
  return (
    <section class="follow-tag">
      <div class="bench"><ShownScreen tag={tag.data} /></div>
      <p><a class="code" href={href('tags', id)}>{id}</a>{state?.failure && <small class="why">{state.failure.detail}</small>}</p>
      {state && <Track state={state.state} />}
    </section>
  );
}

const kWay: JobState[] = ['queued', 'sent', 'accepted', 'transferring', 'displayed'];
function Track({ state }: { state: JobState }) {
  const at = kWay.indexOf(state);
  if (at < 0) return <p><JobBadge state={state} /></p>;
  return (
    <ol class="track" aria-label={t(`job_${state}` as Key)}>
      {kWay.map((s, i) => <li key={s} class={i < at || state === 'displayed' ? 'past' : i === at ? 'here' : ''} aria-current={i === at ? 'step' : undefined}>{t(`job_${s}` as Key)}</li>)}
    </ol>
  );
}
