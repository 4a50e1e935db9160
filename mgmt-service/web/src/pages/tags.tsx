import { useEffect, useState } from 'preact/hooks';
import type { Tag, TagState } from '../api/types';
import { t, type Key } from '../lib/i18n';
import { useDebounced, useLoad } from '../lib/load';
import { Ago, BatteryMark, Chips, Empty, Failed, shortAp, SignalMark, Skeleton, StateBadge } from '../parts/bits';
import { DifferenceScreen, isSame, ShownScreen, WantedScreen } from '../parts/tag_screen';
import { Icon } from '../shell/icons';
import { href, route, setQuery } from '../shell/router';
import { api, canWrite, locale, storeId, useEvent } from '../state';
import { BindDrawer } from './bind';
import { NoStore } from './dashboard';

type Only = '' | TagState | 'late' | 'low_battery' | 'unbound';
const kPage = 48;

export function TagsPage() {
  const store = storeId.value;
  const query = route.value.query;
  const [text, setText] = useState(query['q'] ?? '');
  const [binding, setBinding] = useState(false);
  const q = useDebounced(text, 180);
  const only: Only = query['late'] ? 'late' : query['low_battery'] ? 'low_battery' : query['bound'] === 'false' ? 'unbound' : ((query['state'] ?? '') as Only);
  useEffect(() => { if (q !== (route.value.query['q'] ?? '')) setQuery({ q }); }, [q]);
  const filter = {
    store, q, state: query['state'], late: query['late'], low_battery: query['low_battery'], bound: query['bound'], ap: query['ap'],
  };
  const list = useLoad(() => api.tags({ ...filter, limit: kPage }), [store, q, only, query['ap']]);
  const stats = useLoad(() => api.stats(store), [store]);
  useEvent('tag', (tag) => list.set((old) => old && { ...old, items: old.items.map((x) => (x.id === tag.id ? tag : x)) }));
  useEvent('change', (c) => { if (c.finished_at) stats.reload(); });
  const pick = (v: Only) => setQuery({
    state: ['shown', 'pending', 'failed', 'unknown'].includes(v) ? v : null, late: v === 'late' ? 'true' : null,
    low_battery: v === 'low_battery' ? 'true' : null, bound: v === 'unbound' ? 'false' : null,
  });
  const more = async () => {
    const next = await api.tags({ ...filter, limit: kPage, cursor: list.data?.next });
    list.set((old) => old && { ...next, items: [...old.items, ...next.items] });
  };
  if (!store) return <NoStore />;
  const s = stats.data;
  return (
    <div class="page">
      <header class="page-head">
        <h1>{t('nav_tags')}{list.data && <small>{list.data.total.toLocaleString(locale())}</small>}</h1>
        {canWrite() && <button type="button" class="button primary" onClick={() => setBinding(true)}><Icon name="scan" size={18} />{t('bind_by_scan')}</button>}
      </header>
      <div class="toolbar">
        <label class="search search-page">
          <Icon name="search" size={18} />
          <input type="search" value={text} onInput={(e) => setText(e.currentTarget.value)} placeholder={t('tag_search_hint')} aria-label={t('tag_search_hint')} autocomplete="off" spellcheck={false} />
        </label>
        <Chips<Only> label={t('filter')} value={only} onPick={pick} options={[
          { value: '', label: t('all'), count: s?.tags.total },
          { value: 'shown', label: t('state_shown'), count: s?.tags.shown, tone: 'shown' },
          { value: 'pending', label: t('state_pending'), count: s?.tags.pending, tone: 'pending' },
          { value: 'failed', label: t('state_failed'), count: s?.tags.failed, tone: 'failed' },
          { value: 'late', label: t('late'), count: s?.late.count },
          { value: 'low_battery', label: t('battery_low'), count: s?.batteries.low },
          { value: 'unbound', label: t('unbound'), count: s ? s.tags.total - s.tags.bound : undefined },
        ]} />
      </div>
      {list.error && <Failed error={list.error} retry={list.reload} />}
      {!list.data && list.loading && <Skeleton rows={6} />}
      <ul class="shelf">{list.data?.items.map((tag) => <li key={tag.id}><TagCard tag={tag} /></li>)}</ul>
      {list.data?.next && <button type="button" class="button more" onClick={more}>{t('show_more')}</button>}
      {list.data?.items.length === 0 && <Empty icon="tags" title={t('no_tag_found')}>{only ? t('no_tag_of_kind') : t('no_tag_yet')}</Empty>}
      {binding && <BindDrawer onClose={() => { setBinding(false); list.reload(); stats.reload(); }} />}
    </div>
  );
}

function TagCard({ tag }: { tag: Tag }) {
  const same = isSame(tag);
  const product = tag.products[0];
  return (
    <a class={`tag-card card tag-${tag.state}`} href={href('tags', tag.id)}>
      <header>
        <span class="tag-title"><b>{product?.name ?? t('unbound')}</b><small>{tag.position || tag.panel.replace('-', ' · ')}</small></span>
        <StateBadge state={tag.state} late={tag.late} />
      </header>
      <div class="pair">
        <figure><ShownScreen tag={tag} /><figcaption>{t('on_the_shelf')} {tag.reported && <Ago at={tag.reported.at} />}</figcaption></figure>
        <figure>
          {same || !tag.desired
            ? <span class="agrees"><Icon name={same ? 'check' : 'more'} size={22} />{same ? t('as_wanted') : t('nothing_wanted')}</span>
            : <DifferenceOrWanted tag={tag} />}
          <figcaption>{t('wanted')} {tag.desired && !same && <Ago at={tag.desired.at} />}</figcaption>
        </figure>
      </div>
      {tag.failure && <p class="why"><Icon name="alert" size={16} />{t(`fail_${tag.failure.class}` as Key)}: {tag.failure.detail} · {t('n_attempts', { n: tag.failure.attempts })}</p>}
      <footer><span class="code">{tag.id}</span><SignalMark rssi={tag.rssi} /><BatteryMark battery={tag.battery} /><span class="ap-name">{shortAp(tag.ap)}</span></footer>
    </a>
  );
}
// On the card both are one: the wanted picture with the pixels marked that the shelf lacks; plain where nothing is known.
function DifferenceOrWanted({ tag }: { tag: Tag }) {
  return tag.reported ? <DifferenceScreen tag={tag} /> : <WantedScreen tag={tag} />;
}
