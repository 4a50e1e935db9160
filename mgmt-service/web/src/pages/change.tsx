import { useState } from 'preact/hooks';
import type { ChangeStep, Job, JobState, PriceAndPromotion } from '../api/types';
import { ApiError } from '../api/client';
import { t, type Key } from '../lib/i18n';
import { useLoad, useThrottled } from '../lib/load';
import { actionText } from '../parts/activity';
import { actorName, Ago, ChangeBadge, changeTitle, Chips, Empty, Failed, JobBadge, Price, problemText, Progress, shortAp, Skeleton, span, toneOf, When } from '../parts/bits';
import { Icon } from '../shell/icons';
import { href } from '../shell/router';
import { api, canWrite, mustName, toast, useEvent } from '../state';
import { Approval, reasonText } from './approval';

const kOrder: JobState[] = ['new', 'queued', 'sent', 'accepted', 'transferring', 'displayed', 'failed', 'expired', 'superseded', 'cancelled'];

export function ChangePage({ id }: { id: string }) {
  const change = useLoad(() => api.change(id), [id]);
  useEvent('change', (c) => {
    if (c.id !== id) return;
    if (c.state !== change.data?.state || c.version !== change.data.version) change.reload();  // an event has neither steps nor items
    // The version that is approved is the one whose items are on the screen.
    change.set((old) => old && (c.version === old.version ? { ...old, ...c } : old));
  });
  const c = change.data;
  if (change.error) return <div class="page"><Failed error={change.error} retry={change.reload} /></div>;
  if (!c) return <div class="page"><Skeleton /></div>;
  const cancel = async () => {
    if (!confirm(t('cancel_sure'))) return;
    try { const next = await api.cancelChange(id); change.set((old) => old && { ...old, state: next.state }); change.reload(); } catch (e) { toast(problemText(e as Error), 'bad'); }
  };
  const submit = async () => {
    try { await api.submitChange(id, c.version); } catch (e) { toast(e instanceof ApiError && e.status === 412 ? t('approve_look_again') : problemText(e as Error), 'bad'); }
    change.reload();
  };
  const going = ['scheduled', 'running', 'draft', 'awaiting_approval'].includes(c.state);
  const displayed = c.counts.displayed ?? 0;
  return (
    <div class="page">
      <p class="crumbs"><a href={href('changes')}>{t('nav_changes')}</a> <Icon name="chevron" size={14} /> <span class="code">{id.slice(0, 13)}</span></p>
      <header class="page-head">
        <h1>{changeTitle(c)}<ChangeBadge state={c.state} /></h1>
        <div class="actions">
          <a class="button" href={href('audit', '', { change: id })}><Icon name="audit" size={18} />{t('audit_trail')}</a>
          {canWrite() && c.state === 'draft' && <button type="button" class="button primary" onClick={submit}><Icon name="check" size={18} />{t('submit_change')}</button>}
          {canWrite() && going && <button type="button" class="button danger" onClick={cancel}><Icon name="close" size={18} />{t(c.state === 'draft' ? 'discard_draft' : 'cancel_change')}</button>}
        </div>
      </header>
      {c.state === 'awaiting_approval' && <Approval change={c} onDone={change.reload} />}
      <section class="card change-hero">
        <p class="change-count" role="status"><b>{displayed}</b><span>/ {c.jobs_total} {t('tags_show_it')}</span></p>
        <Progress counts={c.counts} total={c.jobs_total} />
        <dl class="change-facts">
          <div><dt>{t('by')}</dt><dd>{actorName(c.created_by)}, <Ago at={c.created_at} /></dd></div>
          <div><dt>{t('in_force_from')}</dt><dd><When at={c.at} /></dd></div>
          <div><dt>{t('half_within')}</dt><dd>{span(c.timings.p50_ms)}</dd></div>
          <div><dt>{t('p99_within')}</dt><dd>{span(c.timings.p99_ms)}</dd></div>
          <div><dt>{t('items')}</dt><dd>{c.items_total}</dd></div>
        </dl>
      </section>
      <div class="change-columns">
        <section class="card">
          <header class="card-head"><h2>{t('what_changes')}</h2></header>
          <ul class="rows items">
            {c.items.map((i) => (
              <li key={i.product} class="item">
                <a href={href('products', '', { q: i.product })}><b>{i.name}</b><small class="code">{i.product}</small></a>
                <span class="item-prices"><Offer offer={i.before} old /><Icon name="arrow" size={16} /><Offer offer={i.after} />
                  {i.reasons.length > 0 && <span class="reason">{i.reasons.map(reasonText).join(', ')}</span>}</span>
              </li>
            ))}
            {c.items.length === 0 && <li class="muted pad">{t('no_items')}</li>}
            {c.items_total > c.items.length && <li class="muted pad">{t('and_n_more', { n: c.items_total - c.items.length })}</li>}
          </ul>
        </section>
        <div>
          <Timeline steps={c.steps} />
          <Jobs id={id} counts={c.counts} />
        </div>
      </div>
    </div>
  );
}

function Timeline({ steps }: { steps: ChangeStep[] }) {
  return (
    <section class="card timeline">
      <header class="card-head"><h2>{t('timeline')}</h2></header>
      <ol class="steps">
        {steps.map((s, i) => (
          <li key={i} class={`step-${s.state}`}>
            <b>{actionText(`change.${s.action === 'finish' ? s.state : s.action}`)}</b>
            <small>{['create', 'edit', 'submit', 'approve', 'reject'].includes(s.action) && `${t(`change_${s.state}` as Key)} · `}{actorName(s.actor)}{s.note && ` · ${s.note}`}</small>
            <small class="time"><When at={s.at} /></small>
          </li>
        ))}
      </ol>
    </section>
  );
}

export function Offer({ offer, old }: { offer: PriceAndPromotion | null; old?: boolean }) {
  if (!offer) return <span class="muted">{t('new_product')}</span>;
  const promo = offer.promotion;
  return promo ? <>{!old && <Price money={offer.price} struck />}<Price money={promo.price} size={old ? 's' : 'm'} promo /></> : <Price money={offer.price} size={old ? 's' : 'm'} />;
}

function Jobs({ id, counts }: { id: string; counts: Partial<Record<JobState, number>> }) {
  const [state, setState] = useState<'' | JobState>('');
  const jobs = useLoad(() => api.jobs({ store: mustName(), change: id, state, limit: 100 }), [id, state]);
  const reload = useThrottled(jobs.reload, 800);
  useEvent('job', (job) => {
    if (job.change !== id) return;
    if (state || !jobs.data?.items.some((j) => j.id === job.id)) return reload();
    jobs.set((old) => old && { ...old, items: old.items.map((j) => (j.id === job.id ? { ...j, ...job } : j)) });
  });
  return (
    <section class="card">
      <header class="card-head"><h2>{t('tags_of_change')}</h2></header>
      <div class="pad"><Chips<'' | JobState> label={t('filter')} value={state} onPick={setState} options={[
        { value: '', label: t('all') },
        ...kOrder.filter((s) => counts[s]).map((s) => ({ value: s, label: t(`job_${s}` as Key), count: counts[s], tone: toneOf(s) })),
      ]} /></div>
      {jobs.error && <Failed error={jobs.error} retry={jobs.reload} />}
      <ul class="rows jobs">{jobs.data?.items.map((j) => <JobRow key={j.id} job={j} />)}</ul>
      {jobs.data?.items.length === 0 && <Empty icon="tags" title={t('no_tag_concerned')} />}
      {jobs.data?.next && <p class="muted pad">{t('and_n_more', { n: jobs.data.total - jobs.data.items.length })}</p>}
    </section>
  );
}
function JobRow({ job }: { job: Job }) {
  return (
    <li>
      <a class="row-link" href={href('tags', job.tag)}>
        <span class={`dot dot-${toneOf(job.state)}`} />
        <span class="row-main"><b class="code">{job.tag}</b>
          <small>{job.failure ? `${t(`fail_${job.failure.class}` as Key)} · ${job.failure.detail} · ${t('n_attempts', { n: job.attempts })}` : `AP ${shortAp(job.ap)}`}</small></span>
        <span class="row-side"><JobBadge state={job.state} /><small>{job.state === 'displayed' ? span(job.updated_at - job.created_at) : ''}</small></span>
      </a>
    </li>
  );
}
