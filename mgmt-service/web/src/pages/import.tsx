// A file of products: first a dry run that says what would happen to each row, then, if wanted, the real thing.
import { useRef, useState } from 'preact/hooks';
import { sendImport, type ImportTally } from '../api/import';
import type { Change, Verdict } from '../api/types';
import { t, type Key } from '../lib/i18n';
import { useLoad } from '../lib/load';
import { ChangeBadge, Chips, problemText, Progress } from '../parts/bits';
import { Icon } from '../shell/icons';
import { href } from '../shell/router';
import { api, locale, storeId, useEvent } from '../state';
import { NoStore } from './dashboard';

type Stage = 'choose' | 'checking' | 'checked' | 'applying' | 'applied';

export function ImportPage() {
  const store = storeId.value;
  const [stage, setStage] = useState<Stage>('choose');
  const [file, setFile] = useState<File | null>(null);
  const [sent, setSent] = useState(0);
  const [tally, setTally] = useState<ImportTally | null>(null);
  const [tick, setTick] = useState(0);
  const [error, setError] = useState('');
  const [took, setTook] = useState(0);
  const abort = useRef<() => void>(() => undefined);

  const run = async (which: File, dryRun: boolean) => {
    setFile(which);
    setStage(dryRun ? 'checking' : 'applying');
    setError('');
    setSent(0);
    setTally(null);
    const started = performance.now();
    let drawn = 0;
    const job = sendImport({
      url: api.importUrl(store, dryRun, which.name), file: which, csrf: api.csrf(), onSent: setSent,
      onProgress: (next) => {
        setTally(next);
        if (performance.now() - drawn > 60) { drawn = performance.now(); setTick((n) => n + 1); }
      },
    });
    abort.current = job.abort;
    try {
      setTally(await job.done);
      setTook(performance.now() - started);
      setStage(dryRun ? 'checked' : 'applied');
    } catch (e) {
      setError(problemText(e as Error));
      setStage('choose');
    }
    setTick((n) => n + 1);
  };
  const again = () => { abort.current(); setStage('choose'); setFile(null); setTally(null); setError(''); };
  if (!store) return <NoStore />;
  const busy = stage === 'checking' || stage === 'applying';
  const good = tally ? tally.counts.created + tally.counts.updated : 0;
  return (
    <div class="page">
      <header class="page-head"><h1>{t('nav_import')}</h1>{file && <button type="button" class="button" onClick={again}>{busy ? t('stop') : t('other_file')}</button>}</header>
      <Steps stage={stage} />
      {error && <div class="notice notice-bad" role="alert"><Icon name="alert" /><span>{error}</span></div>}
      {stage === 'choose' && <Drop onFile={(f) => void run(f, true)} />}
      {file && stage !== 'choose' && (
        <section class="card import-state">
          <p class="import-file"><Icon name="import" /><b>{file.name}</b><small class="muted">{Math.ceil(file.size / 1024).toLocaleString(locale())} KB</small>
            {!busy && <small class="muted">{t('took', { s: (took / 1000).toFixed(1) })}</small>}</p>
          {busy && <div class="progress" role="progressbar" aria-label={t('progress')} aria-valuenow={Math.round(sent * 100)} aria-valuemin={0} aria-valuemax={100}><i class="fill-moving" style={{ flexGrow: sent }} /><i style={{ flexGrow: 1 - sent }} /></div>}
          {tally && <Totals tally={tally} tick={tick} />}
          {stage === 'checked' && (
            <div class="import-foot">
              <p>{good ? t('dry_run_says', { n: good.toLocaleString(locale()) }) : t('dry_run_nothing')}{tally!.counts.rejected > 0 && ` ${t('rejected_stay_out', { n: tally!.counts.rejected.toLocaleString(locale()) })}`}</p>
              <button type="button" class="button primary big" disabled={!good} onClick={() => void run(file, false)}>{t('apply_n_rows', { n: good.toLocaleString(locale()) })}</button>
            </div>
          )}
          {stage === 'applied' && <Applied tally={tally!} />}
        </section>
      )}
      {tally && tally.rows > 0 && <Verdicts tally={tally} tick={tick} />}
    </div>
  );
}

function Steps({ stage }: { stage: Stage }) {
  const at = { choose: 0, checking: 1, checked: 1, applying: 2, applied: 2 }[stage];
  return <ol class="stages">{(['stage_choose', 'stage_check', 'stage_apply'] as const).map((k, i) => (
    <li key={k} class={i < at || stage === 'applied' ? 'past' : i === at ? 'here' : ''} aria-current={i === at ? 'step' : undefined}><i>{i + 1}</i>{t(k)}</li>))}</ol>;
}

function Drop({ onFile }: { onFile: (f: File) => void }) {
  const [over, setOver] = useState(false);
  return (
    <label class={`drop card${over ? ' drop-over' : ''}`}
      onDragOver={(e) => { e.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
      onDrop={(e) => { e.preventDefault(); setOver(false); const f = e.dataTransfer?.files[0]; if (f) onFile(f); }}>
      <input type="file" class="sr" accept=".csv,.txt,.jsonl,.ndjson,text/csv" onChange={(e) => { const f = e.currentTarget.files?.[0]; if (f) onFile(f); }} />
      <Icon name="import" size={40} />
      <b>{t('drop_here')}</b>
      <span>{t('drop_help')}</span>
      <code>barcode, name, brand, quantity, unit, price, promo_price, promo_from, promo_to</code>
    </label>
  );
}

const kinds: Verdict[] = ['created', 'updated', 'unchanged', 'rejected'];
function Totals({ tally }: { tally: ImportTally; tick: number }) {
  return (
    <dl class="totals" aria-live="polite">
      {kinds.map((k) => <div key={k} class={`total total-${k}`}><dt>{t(`verdict_${k}` as Key)}</dt><dd>{tally.counts[k].toLocaleString(locale())}</dd></div>)}
    </dl>
  );
}

function Applied({ tally }: { tally: ImportTally }) {
  const id = tally.totals?.change ?? tally.totals?.held ?? null;
  const change = useLoad<Change | null>(() => (id ? api.change(id) : Promise.resolve(null)), [id]);
  useEvent('change', (c) => { if (c.id === id) change.set(c); });
  if (!id) return <p class="import-foot"><span><Icon name="check" size={18} /> {t('applied_no_tag')}</span></p>;
  const c = change.data;
  return (
    <div class="import-foot import-live">
      {c && <ChangeBadge state={c.state} />}
      {c && <Progress counts={c.counts} total={c.jobs_total} />}
      {c && <b>{c.counts.displayed ?? 0}/{c.jobs_total}</b>}
      <a class="button primary" href={href('changes', id)}>{t('see_change')}</a>
    </div>
  );
}

function Verdicts({ tally }: { tally: ImportTally; tick: number }) {
  const [kind, setKind] = useState<Verdict | ''>('');
  const [reason, setReason] = useState('');
  const shown = kind || (tally.counts.rejected ? 'rejected' : tally.counts.updated ? 'updated' : 'created');
  const rows = tally.kept[shown].filter((v) => shown !== 'rejected' || !reason || v.reason === reason).slice(0, 300);
  return (
    <section class="card">
      <header class="card-head"><h2>{t('verdicts')}</h2></header>
      <div class="pad">
        <Chips<Verdict> label={t('filter')} value={shown} onPick={(v) => { setKind(v); setReason(''); }} options={kinds.filter((k) => tally.counts[k]).map((k) => ({
          value: k, label: t(`verdict_${k}` as Key), count: tally.counts[k], tone: k === 'rejected' ? 'failed' : undefined }))} />
        {shown === 'rejected' && <Chips<string> label={t('reason')} value={reason} onPick={(v) => setReason(v === reason ? '' : v)} options={Object.entries(tally.reasons)
          .sort((a, b) => b[1] - a[1]).map(([k, n]) => ({ value: k, label: reasonText(k), count: n }))} />}
      </div>
      <table class="verdicts">
        <thead><tr><th>{t('row')}</th><th>{t('product')}</th><th>{t('verdict')}</th><th>{t('why')}</th></tr></thead>
        <tbody>
          {rows.map((v) => (
            <tr key={v.row} class={`verdict-${v.verdict}`}>
              <td>{v.row}</td><td class="code">{v.product ?? '–'}</td><td>{v.reason ? reasonText(v.reason) : t(`verdict_${v.verdict}` as Key)}</td><td>{v.detail ?? ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {tally.counts[shown] > rows.length && !reason && <p class="muted pad">{t('first_n_of_m', { n: rows.length, m: tally.counts[shown].toLocaleString(locale()) })}</p>}
    </section>
  );
}
export function reasonText(reason: string): string {
  return t(`reason_${reason}` as Key);
}
