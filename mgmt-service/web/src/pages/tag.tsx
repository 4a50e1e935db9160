import { useState } from 'preact/hooks';
import type { Job, Tag } from '../api/types';
import { t, type Key } from '../lib/i18n';
import { useLoad, useThrottled } from '../lib/load';
import { Ago, actorName, BatteryMark, Clock, Empty, Failed, JobBadge, problemText, shortAp, SignalMark, Skeleton, span, StateBadge, When } from '../parts/bits';
import { DifferenceScreen, isSame, ShownScreen, WantedScreen } from '../parts/tag_screen';
import { Icon } from '../shell/icons';
import { href } from '../shell/router';
import { api, canWrite, locale, mustName, toast, useEvent } from '../state';
import { BindDrawer } from './bind';

export function TagPage({ id }: { id: string }) {
  const tag = useLoad(() => api.tag(id), [id]);
  const jobs = useLoad(() => api.jobs({ store: mustName(), tag: id, limit: 20 }), [id]);
  const [binding, setBinding] = useState(false);
  const reloadJobs = useThrottled(jobs.reload, 400);
  useEvent('tag', (next) => { if (next.id === id) tag.set(next); });
  useEvent('job', (job) => { if (job.tag === id) reloadJobs(); });
  const d = tag.data;
  if (tag.error) return <div class="page"><Failed error={tag.error} retry={tag.reload} /></div>;
  if (!d) return <div class="page"><Skeleton /></div>;
  const flash = async () => {
    try { await api.led(id, 'green', 20); toast(t('led_sent'), 'good'); } catch (e) { toast(problemText(e as Error), 'bad'); }
  };
  const unbind = async () => {
    if (!confirm(t('unbind_sure'))) return;
    try { tag.set(await api.unbind(id)); } catch (e) { toast(problemText(e as Error), 'bad'); }
  };
  return (
    <div class="page">
      <p class="crumbs"><a href={href('tags')}>{t('nav_tags')}</a> <Icon name="chevron" size={14} /> <span class="code">{id}</span></p>
      <header class="page-head">
        <h1>{d.products[0]?.name ?? t('unbound')}<StateBadge state={d.state} late={d.late} /></h1>
        <div class="actions">
          {canWrite() && <button type="button" class="button" onClick={flash}><Icon name="bulb" size={18} />{t('flash_led')}</button>}
          {canWrite() && <button type="button" class="button" onClick={() => setBinding(true)}><Icon name="link" size={18} />{d.products.length ? t('bind_other') : t('bind')}</button>}
          {canWrite() && d.products.length > 0 && <button type="button" class="button" onClick={unbind}><Icon name="unlink" size={18} />{t('unbind')}</button>}
        </div>
      </header>
      <Screens tag={d} />
      {d.failure && (
        <div class="notice notice-bad" role="status">
          <Icon name="alert" />
          <span><b>{t(`fail_${d.failure.class}` as Key)}</b> {d.failure.detail}{d.failure.code ? <> ({t('code')} {d.failure.code})</> : null}. {t('n_attempts', { n: d.failure.attempts })}, <Ago at={d.failure.at} />. {t('tried_again')}</span>
        </div>
      )}
      <div class="tag-columns">
        <Facts tag={d} />
        <section class="card">
          <header class="card-head"><h2>{t('history')}</h2><a href={href('audit', '', { tag: id })}><Icon name="audit" size={16} /> {t('audit_trail')}</a></header>
          {jobs.data?.items.map((job, i) => <JobStory key={job.id} job={job} open={i === 0} />)}
          {jobs.data?.items.length === 0 && <Empty icon="clock" title={t('nothing_sent_yet')} />}
          {jobs.error && <Failed error={jobs.error} retry={jobs.reload} />}
        </section>
      </div>
      {binding && <BindDrawer tag={d} onClose={() => { setBinding(false); tag.reload(); }} />}
    </div>
  );
}

function Screens({ tag }: { tag: Tag }) {
  const [marked, setMarked] = useState(true);
  const [count, setCount] = useState<[number, number] | null>(null);
  const same = isSame(tag);
  return (
    <section class={`screens card tag-${tag.state}`} aria-label={t('screens')}>
      <figure>
        <figcaption><b>{t('on_the_shelf')}</b><small>{tag.reported ? <>{t('confirmed_by_tag')} <Ago at={tag.reported.at} /></> : t('nothing_confirmed')}</small></figcaption>
        <div class="bench"><ShownScreen tag={tag} /></div>
      </figure>
      <div class={`screens-between ${same ? 'is-same' : 'is-other'}`} aria-hidden="true"><Icon name={same ? 'check' : 'arrow'} size={26} /></div>
      <figure>
        <figcaption>
          <b>{t('wanted')}</b>
          <small>
            {same ? t('identical') : count && marked ? t('n_pixels_differ', { n: count[0].toLocaleString(locale()) }) : tag.desired ? <Ago at={tag.desired.at} /> : t('nothing_wanted')}
          </small>
          {!same && tag.desired && tag.reported && (
            <label class="switch small"><input type="checkbox" checked={marked} onChange={(e) => setMarked(e.currentTarget.checked)} /><i /><span>{t('mark_difference')}</span></label>
          )}
        </figcaption>
        <div class="bench">{!same && marked && tag.reported && tag.desired ? <DifferenceScreen tag={tag} onCount={(a, b) => setCount([a, b])} /> : <WantedScreen tag={tag} />}</div>
      </figure>
    </section>
  );
}

function Facts({ tag }: { tag: Tag }) {
  const rows: [string, preact.ComponentChildren][] = [
    [t('products'), tag.products.length ? tag.products.map((p) => <a key={p.id} href={href('products', '', { q: p.id })}>{p.name}</a>) : '–'],
    [t('position'), tag.position || '–'],
    [t('panel'), tag.panel],
    [t('model'), `${tag.model} · ${tag.firmware}`],
    [t('radio'), t(`radio_${tag.radio}` as Key)],
    [t('ap'), tag.ap ? <a href={href('tags', '', { ap: tag.ap })}>{shortAp(tag.ap)}</a> : '–'],
    [t('signal'), <><SignalMark rssi={tag.rssi} />{tag.rssi !== null && ' dBm'}</>],
    [t('battery'), <><BatteryMark battery={tag.battery} />{tag.battery?.millivolts != null && tag.battery.percent != null && ` ${(tag.battery.millivolts / 1000).toFixed(2)} V`}</>],
    [t('last_seen'), <Ago at={tag.last_seen} />],
    [t('version'), <>{tag.reported?.version ?? '–'} / {tag.desired?.version ?? '–'}</>],
    [t('image'), <span class="code">{tag.reported?.image ?? '–'}{!isSame(tag) && <> → {tag.desired?.image ?? '–'}</>}</span>],
  ];
  if (tag.next) {
    const at = tag.next.accepted_at ? 'next_with_ap' : tag.next.sent_at ? 'next_sent' : tag.next.image === tag.desired?.image ? 'next_same' : 'next_later';
    rows.push([t('next'), <><When at={tag.next.at} /> → <span class="code">{tag.next.image}</span> ({t(at)})</>]);
  }
  return (
    <section class="card">
      <header class="card-head"><h2>{t('facts')}</h2></header>
      <dl class="facts">{rows.map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>
    </section>
  );
}

// One update of the tag with its steps; `steps` are asked for when opened.
export function JobStory({ job, open }: { job: Job; open: boolean }) {
  const [shown, setShown] = useState(open);
  const full = useLoad(() => (shown ? api.job(job.id) : Promise.resolve(job)), [job.id, job.state, shown]);
  const steps = full.data?.steps ?? [];
  return (
    <details class="story" open={shown} onToggle={(e) => setShown(e.currentTarget.open)}>
      <summary>
        <JobBadge state={job.state} />
        <span class="story-when"><When at={job.created_at} /></span>
        <small class="muted">{job.state === 'displayed' ? span(job.updated_at - job.created_at) : ''}</small>
      </summary>
      <ol class="steps">
        {steps.map((s, i) => (
          <li key={i} class={`step-${s.state}`}>
            <b>{t(`job_${s.state}` as Key)}</b><small>{actorName(s.actor)}{s.detail && ` · ${s.detail}`}</small>
            <small class="time"><Clock at={s.at} />{i > 0 && <em> +{span(s.at - (steps[i - 1]?.at ?? s.at))}</em>}</small>
          </li>
        ))}
      </ol>
      {job.failure && <p class="why"><Icon name="alert" size={16} />{t(`fail_${job.failure.class}` as Key)}: {job.failure.detail}</p>}
      <p class="story-foot"><a href={href('changes', job.change)}>{t('see_change')}</a> <a href={href('audit', '', { job: job.id })}>{t('audit_trail')}</a></p>
    </details>
  );
}
