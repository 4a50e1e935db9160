import { useEffect, useState } from 'preact/hooks';
import type { Page, Product } from '../api/types';
import { t } from '../lib/i18n';
import { useDebounced, useLoad, useThrottled } from '../lib/load';
import { day } from '../lib/time';
import { Chips, Empty, Failed, moneyText, Price, promotionNow, Skeleton } from '../parts/bits';
import { Icon } from '../shell/icons';
import { href, route, setQuery } from '../shell/router';
import { api, canWrite, locale, storeId, useEvent } from '../state';
import { NoStore } from './dashboard';
import { ProductEditor } from './product_editor';

const kPage = 60;
type Only = '' | 'bound' | 'unbound' | 'promotion';

export function ProductsPage() {
  const store = storeId.value;
  const query = route.value.query;
  const [text, setText] = useState(query['q'] ?? '');
  const [editing, setEditing] = useState<Product | null>(null);
  const q = useDebounced(text, 180);
  const only = (query['only'] ?? '') as Only;
  useEffect(() => setText(query['q'] ?? ''), [query['q']]);
  useEffect(() => { if (q !== (route.value.query['q'] ?? '')) setQuery({ q }); }, [q]);
  const filter = { q, bound: only === 'bound' ? true : only === 'unbound' ? false : undefined, promotion: only === 'promotion' || undefined };
  const list = useLoad(() => api.products(store, { ...filter, limit: kPage }), [store, q, only]);
  useEvent('product', (p) => {
    if (p.store !== store) return;
    list.set((old) => old && { ...old, items: old.items.map((x) => (x.id === p.id ? p : x)) });
  });
  useEvent('tag', (tag) => list.set((old) => old && { ...old, items: old.items.map((p) => (
    p.tags.some((x) => x.id === tag.id) ? { ...p, tags: p.tags.map((x) => (x.id === tag.id ? { ...x, state: tag.state } : x)) } : p)) }));
  const refresh = useThrottled(list.reload, 1200);
  useEvent('change', (c) => { if (c.store === store && (list.data?.items.length ?? 0) <= kPage) refresh(); });
  const more = async () => {
    const next = await api.products(store, { ...filter, limit: kPage, cursor: list.data?.next });
    list.set((old) => old && { ...next, items: [...old.items, ...next.items] });
  };
  if (!store) return <NoStore />;
  return (
    <div class="page">
      <header class="page-head">
        <h1>{t('nav_products')}{list.data && <small>{list.data.total.toLocaleString(locale())}</small>}</h1>
        {canWrite() && <a class="button" href={href('import')}><Icon name="import" size={18} />{t('import_file')}</a>}
      </header>
      <div class="toolbar">
        <label class="search search-page">
          <Icon name="search" size={18} />
          <input type="search" value={text} onInput={(e) => setText(e.currentTarget.value)} placeholder={t('product_search_hint')}
            aria-label={t('product_search_hint')} autocomplete="off" spellcheck={false} />
        </label>
        <Chips<Only> label={t('filter')} value={only} onPick={(v) => setQuery({ only: v })} options={[
          { value: '', label: t('all') }, { value: 'bound', label: t('on_tags') }, { value: 'unbound', label: t('without_tag') },
          { value: 'promotion', label: t('promotion') }]} />
      </div>
      {list.error && <Failed error={list.error} retry={list.reload} />}
      {!list.data && list.loading && <Skeleton rows={9} />}
      {list.data && <ProductTable page={list.data} onEdit={setEditing} />}
      {list.data?.next && <button type="button" class="button more" onClick={more}>{t('show_more')}</button>}
      {list.data?.items.length === 0 && <Empty icon="products" title={t('no_product_found')}>{q ? t('no_product_help') : t('no_product_yet')}</Empty>}
      {editing && <ProductEditor product={editing} onClose={() => setEditing(null)} />}
    </div>
  );
}

function ProductTable({ page, onEdit }: { page: Page<Product>; onEdit: (p: Product) => void }) {
  return (
    <ul class="card products" aria-label={t('nav_products')}>
      {page.items.map((p) => <ProductRow key={p.id} product={p} onEdit={() => onEdit(p)} />)}
    </ul>
  );
}

function ProductRow({ product: p, onEdit }: { product: Product; onEdit: () => void }) {
  const promo = promotionNow(p.promotion);
  const coming = !!p.promotion && !promo && p.promotion.from > Date.now();
  return (
    <li class="product">
      <div class="product-name">
        <b>{p.name}</b>
        <small>{p.brand && <>{p.brand} · </>}{p.quantity && <>{p.quantity.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '')} {p.unit} · </>}<span class="code">{p.id}</span></small>
      </div>
      <div class="product-marks">
        {promo && <span class="badge promo"><Icon name="percent" size={14} />{t('until_day', { d: day(p.promotion!.to, locale()) })}</span>}
        {coming && <span class="badge state-pending"><Icon name="clock" size={14} />{t('from_day', { d: day(p.promotion!.from, locale()) })}</span>}
      </div>
      <div class="product-tags">
        {p.tags.map((x) => <a key={x.id} class={`mini mini-${x.state}`} href={href('tags', x.id)} title={`${x.id} · ${t(`state_${x.state}`)}`} aria-label={`${t('tag')} ${x.id}: ${t(`state_${x.state}`)}`} />)}
        {p.tags.length === 0 && <small class="muted">{t('no_tag')}</small>}
      </div>
      <div class="product-unit"><small>{p.unit_price ? `${moneyText(p.unit_price)} / ${p.unit_price.per.replace(/^1 /, '')}` : ''}</small></div>
      <button type="button" class="price-button" onClick={onEdit}>
        <span class="sr">{canWrite() ? t('edit_price') : t('look')}: {p.name}</span>
        {promo && p.promotion!.prior_price && <Price money={p.promotion!.prior_price} size="s" struck />}
        <Price money={p.price_now} size="l" promo={promo} />
      </button>
    </li>
  );
}
