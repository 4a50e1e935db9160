import { useState } from 'preact/hooks';
import type { AuditEntry, AuditProof } from '../api/types';
import { actions } from '../lib/actions';
import { t, type Key } from '../lib/i18n';
import { useDebounced, useLoad, useThrottled } from '../lib/load';
import { checkProof, parseCheckpoint, type ProofCheck, type StepState } from '../lib/merkle';
import { day, fromLocalInput } from '../lib/time';
import { actionText, objectLink, objectText } from '../parts/activity';
import { actorName, Clock, Drawer, Empty, Failed, Skeleton } from '../parts/bits';
import { Icon } from '../shell/icons';
import { go, href, route, setQuery } from '../shell/router';
import { api, locale, useEvent } from '../state';

const kPage = 60;

export function AuditPage() {
  const query = route.value.query;
  const [object, setObject] = useState(query['object'] ?? '');
  const settled = useDebounced(object, 250);
  const open = route.value.id ? Number(route.value.id) : null;
  const filter = {
    action: query['action'], tag: query['tag'], change: query['change'], job: query['job'], actor: query['actor'], object: settled.trim(),
    from: query['from'] ? fromLocalInput(query['from']) : null, to: query['to'] ? fromLocalInput(query['to']) : null,
  };
  const list = useLoad(() => api.audit({ ...filter, limit: kPage }), [JSON.stringify(filter)]);
  const narrowed = ['tag', 'change', 'job', 'actor'].filter((k) => query[k]);
  const reload = useThrottled(list.reload, 1000);
  useEvent('audit', (e) => {
    const concerns = (!filter.tag || e.tag === filter.tag) && (!filter.change || e.change === filter.change) && (!filter.job || e.job === filter.job);
    if (concerns && !filter.to && (list.data?.items.length ?? 0) <= kPage) reload();
  });
  const more = async () => {
    const next = await api.audit({ ...filter, limit: kPage, cursor: list.data?.next });
    list.set((old) => old && { next: next.next, items: [...old.items, ...next.items] });
  };
  const back = () => go(href('audit', '', query));
  return (
    <div class="page">
      <header class="page-head"><h1>{t('nav_audit')}</h1></header>
      <p class="lead">{t('audit_lead')}</p>
      <div class="toolbar">
        <label class="search search-page"><Icon name="search" size={18} />
          <input type="search" value={object} onInput={(e) => setObject(e.currentTarget.value)} placeholder={t('audit_search_hint')} aria-label={t('audit_search_hint')} spellcheck={false} /></label>
        <label class="inline-field"><span>{t('what')}</span>
          <select value={query['action'] ?? ''} onChange={(e) => setQuery({ action: e.currentTarget.value })}>
            <option value="">{t('all')}</option>
            {Object.entries(actions).map(([kind, of]) => (
              <optgroup key={kind} label={t(`audit_kind_${kind}` as Key)}>
                {of.length > 1 && <option value={kind}>{t('audit_all_of', { what: t(`audit_kind_${kind}` as Key) })}</option>}
                {of.map((action) => <option key={action} value={action}>{actionText(action)}</option>)}
              </optgroup>
            ))}
          </select></label>
        <label class="inline-field"><span>{t('until')}</span><input type="datetime-local" value={query['to'] ?? ''} onChange={(e) => setQuery({ to: e.currentTarget.value })} /></label>
        {narrowed.map((k) => (
          <button key={k} type="button" class="chip" aria-pressed="true" onClick={() => setQuery({ [k]: null })} title={t('remove_filter')}>
            {t(k as Key)} <span class="code">{query[k]!.slice(0, 18)}</span><Icon name="close" size={14} />
          </button>
        ))}
      </div>
      {list.error && <Failed error={list.error} retry={list.reload} />}
      {!list.data && list.loading && <Skeleton />}
      {list.data && list.data.items.length > 0 && (
        <ul class="card rows audit">{list.data.items.map((e) => <EntryRow key={e.index} entry={e} query={query} />)}</ul>
      )}
      {list.data?.items.length === 0 && <Empty icon="audit" title={t('no_entries')} />}
      {list.data?.next && <button type="button" class="button more" onClick={more}>{t('show_more')}</button>}
      {open !== null && Number.isInteger(open) && <ProofDrawer key={open} index={open} onClose={back} />}
    </div>
  );
}

function EntryRow({ entry: e, query }: { entry: AuditEntry; query: Record<string, string> }) {
  return (
    <li>
      <a class="row-link entry" href={href('audit', String(e.index), query)}>
        <span class="entry-index">{e.index}</span>
        <span class={`dot dot-${e.action === 'job.failed' || e.action === 'session.refused' ? 'failed' : e.action === 'job.displayed' ? 'shown' : 'unknown'}`} />
        <span class="row-main"><b>{actionText(e.action)}</b><small class="code">{objectText(e.object)}</small></span>
        <span class="row-side"><small>{actorName(e.actor)}</small><small>{day(e.at, locale())} <Clock at={e.at} /></small></span>
        <Icon name="audit" size={18} />
      </a>
    </li>
  );
}

function ProofDrawer({ index, onClose }: { index: number; onClose: () => void }) {
  const proof = useLoad(() => api.auditProof(index), [index]);
  const check = useLoad<ProofCheck | null>(() => (proof.data ? checkProof(proof.data) : Promise.resolve(null)), [proof.data]);
  const p = proof.data;
  return (
    <Drawer title={t('entry_n', { n: index })} onClose={onClose} wide>
      {proof.error && <Failed error={proof.error} retry={proof.reload} />}
      {!p && !proof.error && <Skeleton rows={4} />}
      {p && <Verdict check={check.data ?? null} />}
      {p && <ProofSteps proof={p} check={check.data ?? null} />}
      {p && <EntryBody entry={p.entry} canonical={p.canonical} />}
    </Drawer>
  );
}
function Verdict({ check }: { check: ProofCheck | null }) {
  const all = check && [check.leaf, check.path, check.signature];
  const state = !all ? 'wait' : all.includes('bad') ? 'bad' : all.includes('unable') ? 'unable' : 'good';
  return (
    <div class={`proof-verdict proof-${state}`} role="status">
      <Icon name={state === 'bad' ? 'alert' : 'audit'} size={28} />
      <span><b>{t(`proof_${state}` as Key)}</b><small>{t('proof_where')}</small></span>
    </div>
  );
}
const marks: Record<StepState, 'check' | 'alert' | 'more'> = { good: 'check', bad: 'alert', unable: 'more' };
function ProofSteps({ proof, check }: { proof: AuditProof; check: ProofCheck | null }) {
  const note = parseCheckpoint(proof.checkpoint);
  const step = (state: StepState | undefined, title: string, body: preact.ComponentChildren) => (
    <li class={`proof-step proof-step-${state ?? 'wait'}`}><Icon name={state ? marks[state] : 'clock'} size={18} /><div><b>{title}</b>{body}</div></li>
  );
  return (
    <ol class="proof-steps">
      {step(check?.leaf, t('proof_leaf'), <code>{proof.leaf_hash}</code>)}
      {step(check?.path, t('proof_path', { n: proof.proof.length, m: note?.size ?? proof.tree_size }), (
        <details><summary>{t('hashes')}</summary>{proof.proof.map((h) => <code key={h}>{h}</code>)}</details>
      ))}
      {step(check?.signature, t('proof_signature', { n: note?.origin ?? '?' }), <details><summary>{t('checkpoint')}</summary><pre>{proof.checkpoint}</pre><code>{proof.verifier_key}</code></details>)}
    </ol>
  );
}
function EntryBody({ entry, canonical }: { entry: AuditEntry; canonical: string }) {
  const to = objectLink(entry);
  const rows: [string, preact.ComponentChildren][] = [
    [t('what'), actionText(entry.action)],
    [t('who'), actorName(entry.actor)],
    [t('when'), new Date(entry.at).toISOString()],
    [t('object'), to ? <a href={to} class="code">{objectText(entry.object)}</a> : <span class="code">{objectText(entry.object)}</span>],
  ];
  if (entry.source) rows.push([t('source'), <span class="code">{entry.source}</span>]);
  if (entry.change) rows.push([t('change'), <a href={href('changes', entry.change)} class="code">{entry.change.slice(0, 13)}</a>]);
  return (
    <>
      <dl class="facts">{rows.map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>
      {entry.before !== undefined && <Json title={t('before')} value={entry.before} />}
      {entry.after !== undefined && <Json title={t('after')} value={entry.after} />}
      <details class="raw"><summary>{t('as_logged')}</summary><pre>{canonical}</pre></details>
    </>
  );
}
const Json = ({ title, value }: { title: string; value: unknown }) => <section class="json"><h3>{title}</h3><pre>{JSON.stringify(value, null, 2)}</pre></section>;
