import type { Change, ChangeState } from '../api/types';
import { t } from '../lib/i18n';
import { useLoad, useThrottled } from '../lib/load';
import { actorName, Ago, ChangeBadge, changeTitle, Chips, Empty, Failed, Progress, Skeleton, span, When } from '../parts/bits';
import { Icon } from '../shell/icons';
import { href, route, setQuery } from '../shell/router';
import { api, canWrite, serviceNow, storeId, useEvent } from '../state';
import { NoStore } from './dashboard';

type Only = '' | ChangeState;

export function ChangesPage() {
  const store = storeId.value;
  const state = (route.value.query['state'] ?? '') as Only;
  const list = useLoad(() => api.changes({ store, state, limit: 50 }), [store, state]);
  const waiting = useLoad(() => (store ? api.stats(store) : Promise.resolve(undefined)), [store]);
  const recount = useThrottled(waiting.reload, 1000);
  useEvent('change', (c) => {
    if (c.store !== store) return;
    recount();
    list.set((old) => {
      if (!old) return old;
      const known = old.items.some((x) => x.id === c.id);
      if (known) return { ...old, items: old.items.map((x) => (x.id === c.id ? c : x)) };
      return state && state !== c.state ? old : { ...old, items: [c, ...old.items], total: old.total + 1 };
    });
  });
  const more = async () => {
    const next = await api.changes({ store, state, limit: 50, cursor: list.data?.next });
    list.set((old) => old && { ...next, items: [...old.items, ...next.items] });
  };
  if (!store) return <NoStore />;
  return (
    <div class="page">
      <header class="page-head">
        <h1>{t('nav_changes')}{list.data && <small>{list.data.total}</small>}</h1>
        {canWrite() && <a class="button" href={href('import')}><Icon name="import" size={18} />{t('import_file')}</a>}
      </header>
      <div class="toolbar">
        <Chips<Only> label={t('filter')} value={state} onPick={(v) => setQuery({ state: v })} options={[
          { value: '', label: t('all') }, { value: 'awaiting_approval', label: t('change_awaiting_approval'), count: waiting.data?.changes.awaiting_approval || undefined, tone: 'pending' },
          { value: 'draft', label: t('change_draft') }, { value: 'running', label: t('change_running') }, { value: 'scheduled', label: t('change_scheduled') },
          { value: 'partly_failed', label: t('change_partly_failed') }, { value: 'done', label: t('change_done') }, { value: 'cancelled', label: t('change_cancelled') }]} />
      </div>
      {list.error && <Failed error={list.error} retry={list.reload} />}
      {!list.data && list.loading && <Skeleton />}
      {list.data && list.data.items.length > 0 && <ul class="card rows changes">{list.data.items.map((c) => <ChangeRow key={c.id} change={c} />)}</ul>}
      {list.data?.items.length === 0 && <Empty icon="changes" title={t('no_changes_yet')} />}
      {list.data?.next && <button type="button" class="button more" onClick={more}>{t('show_more')}</button>}
    </div>
  );
}

function ChangeRow({ change: c }: { change: Change }) {
  return (
    <li>
      <a class="row-link" href={href('changes', c.id)}>
        <ChangeBadge state={c.state} />
        <span class="row-main">
          <b>{changeTitle(c)}</b>
          <small>{actorName(c.created_by)} · {c.at > serviceNow() ? <>{t('in_force_from')} <When at={c.at} /></> : <Ago at={c.created_at} />} · {t('n_items', { n: c.items_total })}</small>
        </span>
        <span class="row-side wide">
          <Progress counts={c.counts} total={c.jobs_total} />
          <small>{c.counts.displayed ?? 0}/{c.jobs_total}{c.timings.p99_ms !== null && ` · ${span(c.timings.p99_ms)}`}</small>
        </span>
        <Icon name="chevron" size={16} />
      </a>
    </li>
  );
}
