import { useState } from 'preact/hooks';
import type { Stats, Tag } from '../api/types';
import { t, type Key } from '../lib/i18n';
import { useLoad, useThrottled } from '../lib/load';
import { Activity } from '../parts/activity';
import { Ago, changeTitle, Empty, Failed, Progress, shortAp, Skeleton, span } from '../parts/bits';
import { Icon, type IconName } from '../shell/icons';
import { href } from '../shell/router';
import { api, storeId, useEvent } from '../state';

export function DashboardPage() {
  const store = storeId.value;
  const stats = useLoad(() => api.stats(store || undefined), [store]);
  const running = useLoad(() => api.changes({ store, limit: 5 }), [store]);
  const refresh = useThrottled(stats.reload, 700);
  useEvent('tag', refresh);
  useEvent('ap', refresh);
  useEvent('change', (change) => {
    refresh();
    running.set((old) => old && { ...old, items: [change, ...old.items.filter((c) => c.id !== change.id)].sort((a, b) => b.created_at - a.created_at).slice(0, 5) });
  });
  if (!store) return <NoStore />;
  const s = stats.data;
  return (
    <div class="page dashboard">
      <h1 class="sr">{t('nav_dashboard')}</h1>
      {stats.error && <Failed error={stats.error} retry={stats.reload} />}
      {!s && stats.loading && <Skeleton />}
      {s && s.changes.awaiting_approval > 0 && (
        <a class="waiting-note card" href={href('changes', '', { state: 'awaiting_approval' })}>
          <Icon name="changes" size={20} /><b>{t('n_wait_for_approval', { n: s.changes.awaiting_approval })}</b><Icon name="chevron" size={16} />
        </a>
      )}
      {s && <Hero stats={s} />}
      {s && <Figures stats={s} />}
      <div class="halves">
        <section class="card">
          <header class="card-head"><h2>{t('needs_attention')}</h2><a href={href('tags', '', { state: 'failed' })}>{t('see_all')}</a></header>
          <Attention store={store} key={`${s?.failed.count}-${s?.late.count}`} />
        </section>
        <section class="card">
          <header class="card-head"><h2>{t('latest_changes')}</h2><a href={href('changes')}>{t('see_all')}</a></header>
          <ul class="rows">
            {running.data?.items.map((c) => (
              <li key={c.id}>
                <a class="row-link" href={href('changes', c.id)}>
                  <span class="row-main"><b>{changeTitle(c)}</b><small><Ago at={c.created_at} /> · {t('n_tags', { n: c.jobs_total })}</small></span>
                  <span class="row-side"><Progress counts={c.counts} total={c.jobs_total} /><small>{c.counts.displayed ?? 0}/{c.jobs_total}</small></span>
                </a>
              </li>
            ))}
            {running.data?.items.length === 0 && <li class="muted pad">{t('no_changes_yet')}</li>}
          </ul>
        </section>
      </div>
      <section class="card">
        <header class="card-head"><h2>{t('live_activity')}</h2></header>
        <Activity />
      </section>
    </div>
  );
}

export function NoStore() {
  return <Empty icon="tags" title={t('no_store')}>{t('no_store_help')} <a href={href('settings')}>{t('nav_settings')}</a></Empty>;
}

function Hero({ stats }: { stats: Stats }) {
  const wanted = stats.tags.shown + stats.tags.pending + stats.tags.failed;
  const whole = Math.floor(stats.shown_percent);
  const tenth = Math.floor(stats.shown_percent * 10) % 10;
  return (
    <section class="hero card">
      <div class="hero-figure">
        <p class="hero-percent" aria-label={`${stats.shown_percent} %`}>
          <b>{whole}</b><span><i>{whole === 100 ? '' : `.${tenth}`}</i><i>%</i></span>
        </p>
        <p class="hero-words">{t('hero_words', { n: stats.tags.shown, m: wanted })}</p>
      </div>
      <div class="hero-wall"><Wall counts={stats.tags} /></div>
      <Minutes minutes={stats.minutes} />
    </section>
  );
}

// The store's tags, up to 500, each as one cell in id order that turns as the tag does. The legend says it for all, in words.
function Wall({ counts }: { counts: Stats['tags'] }) {
  const store = storeId.value;
  const tags = useLoad(() => api.tags({ store, limit: 500 }), [store]);
  useEvent('tag', (tag) => tags.set((old) => old && { ...old, items: old.items.map((x) => (x.id === tag.id ? tag : x)) }));
  return (
    <>
      <div class="wall" aria-hidden="true">
        {tags.data?.items.map((tag) => (
          <a key={tag.id} href={href('tags', tag.id)} tabIndex={-1} class={`cell cell-${tag.state}${tag.late ? ' cell-late' : ''}`}
            title={`${tag.products[0]?.name ?? tag.id} · ${t(`state_${tag.state}`)}`} />
        ))}
      </div>
      <p class="legend">
        {(['shown', 'pending', 'failed', 'unknown'] as const).filter((k) => counts[k] > 0).map((k) => (
          <a key={k} href={href('tags', '', { state: k })}><i class={`cell cell-${k}`} />{t(`state_${k}`)} <b>{counts[k]}</b></a>
        ))}
      </p>
    </>
  );
}

function Minutes({ minutes }: { minutes: Stats['minutes'] }) {
  const top = Math.max(4, ...minutes.map((m) => m.displayed + m.failed));
  const total = minutes.reduce((n, m) => n + m.displayed, 0);
  const w = 300 / Math.max(1, minutes.length);
  return (
    <figure class="minutes">
      <svg viewBox="0 0 300 44" preserveAspectRatio="none" role="img" aria-label={t('last_hour_n', { n: total })}>
        {minutes.map((m, i) => {
          const good = (m.displayed / top) * 42;
          const bad = (m.failed / top) * 42;
          return (
            <g key={m.at}>
              <rect x={i * w} y={43} width={w * 0.7} height="1" class="minute-none" />
              <rect x={i * w} y={44 - good} width={w * 0.7} height={good} class="minute-good" />
              <rect x={i * w} y={44 - good - bad} width={w * 0.7} height={bad} class="minute-bad" />
            </g>
          );
        })}
      </svg>
      <figcaption><span>{t('an_hour_ago')}</span><b>{t('last_hour_n', { n: total })}</b><span>{t('now')}</span></figcaption>
    </figure>
  );
}

function Figures({ stats }: { stats: Stats }) {
  const apTotal = stats.aps.online + stats.aps.offline;
  return (
    <div class="figures">
      <Figure icon="clock" tone={stats.late.count ? 'warn' : 'good'} label={t('late')} value={stats.late.count} to={href('tags', '', { late: 'true' })}>
        {stats.late.oldest ? <>{t('since')} <Ago at={stats.late.oldest} /></> : t('nothing_late')}
      </Figure>
      <Figure icon="alert" tone={stats.failed.count ? 'bad' : 'good'} label={t('state_failed')} value={stats.failed.count} to={href('tags', '', { state: 'failed' })}>
        {Object.entries(stats.failed.by_class).map(([k, n]) => `${n}× ${t(`fail_${k}` as Key)}`).join(', ') || t('nothing_failed')}
      </Figure>
      <Figure icon="ap" tone={stats.aps.offline ? 'bad' : 'good'} label={t('aps_online')} value={`${stats.aps.online}/${apTotal}`} to={href('settings')}>
        {stats.aps.unclaimed ? t('n_unclaimed', { n: stats.aps.unclaimed }) : stats.aps.offline ? t('n_offline', { n: stats.aps.offline }) : t('all_online')}
      </Figure>
      <Figure icon="battery" tone={stats.batteries.low ? 'warn' : 'good'} label={t('batteries_low')} value={stats.batteries.low} to={href('tags', '', { low_battery: 'true' })}>
        {stats.batteries.unknown ? t('n_unknown', { n: stats.batteries.unknown }) : t('all_known')}
      </Figure>
      <Figure icon="changes" tone="plain" label={t('time_to_shelf')} value={span(stats.last_hour.p50_ms)} to={href('changes')}>
        {stats.last_hour.p99_ms === null ? t('nothing_this_hour') : t('p99_is', { t: span(stats.last_hour.p99_ms) })}
      </Figure>
    </div>
  );
}
function Figure(p: { icon: IconName; tone: string; label: string; value: string | number; to: string; children: preact.ComponentChildren }) {
  return (
    <a class={`figure card tone-${p.tone}`} href={p.to}>
      <span class="figure-label"><Icon name={p.icon} size={18} />{p.label}</span>
      <b class="figure-value">{p.value}</b>
      <small>{p.children}</small>
    </a>
  );
}

function Attention({ store }: { store: string }) {
  const [all] = useState(() => Promise.all([api.tags({ store, state: 'failed', limit: 6 }), api.tags({ store, late: true, limit: 6 })]));
  const found = useLoad(() => all.then(([failed, late]) => {
    const seen = new Map<string, Tag>();
    [...failed.items, ...late.items].forEach((tag) => seen.set(tag.id, tag));
    return [...seen.values()].slice(0, 6);
  }), []);
  if (!found.data) return <Skeleton rows={3} />;
  if (found.data.length === 0) return <Empty icon="check" title={t('all_is_well')}>{t('all_is_well_help')}</Empty>;
  return (
    <ul class="rows">
      {found.data.map((tag) => (
        <li key={tag.id}>
          <a class="row-link" href={href('tags', tag.id)}>
            <span class={`dot dot-${tag.state}`} />
            <span class="row-main">
              <b>{tag.products[0]?.name ?? tag.id}</b>
              <small>{tag.failure ? `${t(`fail_${tag.failure.class}` as Key)} · ${tag.failure.detail}` : t('waiting_for', { ap: shortAp(tag.ap) })}</small>
            </span>
            <span class="row-side"><small><Ago at={tag.failure?.at ?? tag.desired?.not_before} /></small><Icon name="chevron" size={16} /></span>
          </a>
        </li>
      ))}
    </ul>
  );
}
