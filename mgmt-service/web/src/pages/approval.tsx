// What waits for another person's approval: why, item by item, and the two answers.
import { useState } from 'preact/hooks';
import type { ChangeDetail, ChangeItem, Reason } from '../api/types';
import { ApiError } from '../api/client';
import { t, type Key } from '../lib/i18n';
import { useLoad } from '../lib/load';
import { actorName, Failed, problemText } from '../parts/bits';
import { Icon } from '../shell/icons';
import { href } from '../shell/router';
import { api, canWrite, locale, session, toast } from '../state';
import { Offer } from './change';

const ranks = ['operator', 'store_manager', 'chain_admin'];

// Why this user may not decide; null when they may. The service decides; this saves a refusal.
function obstacle(c: ChangeDetail): string | null {
  const user = session.value?.user;
  if (!user || !c.approval) return t('error_forbidden');
  if (c.authors.includes(`user:${user.name}`)) return t('approve_not_own');
  return ranks.indexOf(user.role) < ranks.indexOf(c.approval.role) ? t('approve_role', { role: t(`role_${c.approval.role}` as Key) }) : null;
}

export function reasonText(reason: Reason): string {
  const percent = new Intl.NumberFormat(locale(), { maximumFractionDigits: 1, signDisplay: 'always' }).format(reason.percent);
  return `${reason.what === 'promotion' ? `${t('promotion')} ` : ''}${percent} %`;
}

// `onDone`: the change is another now.
export function Approval({ change: c, onDone }: { change: ChangeDetail; onDone: () => void }) {
  const [note, setNote] = useState('');
  const [busy, setBusy] = useState(false);
  const [limit, setLimit] = useState(50);
  const tripped = useLoad(() => api.changeItems(c.id, { tripped: true, limit }), [c.id, c.version, limit]);
  const need = c.approval;
  if (!need) return null;
  const why = obstacle(c);
  const decide = async (how: 'approve' | 'reject') => {
    if (how === 'reject' && !note.trim()) return toast(t('reject_needs_note'), 'bad');
    setBusy(true);
    try {
      await api.decideChange(c.id, how, note.trim(), c.version);
      toast(t(how === 'approve' ? 'approved' : 'rejected'), 'good');
      setNote('');
    } catch (e) {
      toast(e instanceof ApiError && e.status === 412 ? t('approve_look_again') : problemText(e as Error), 'bad');
    } finally {
      setBusy(false);
      onDone();
    }
  };
  return (
    <section class="card approval" aria-label={t('change_awaiting_approval')}>
      <header class="card-head"><h2>{t('approve_why')}</h2></header>
      <ul class="approval-why pad">
        {need.tripped > 0 && <li><Icon name="alert" size={16} />{t('approve_tripped', { n: need.tripped, limits: limitsText(need.max_up_percent, need.max_down_percent) })}</li>}
        {need.too_many && <li><Icon name="alert" size={16} />{t('approve_too_many', { n: c.items_total, m: need.max_items ?? 0 })}</li>}
      </ul>
      {tripped.error && <Failed error={tripped.error} retry={tripped.reload} />}
      <ul class="rows items">{tripped.data?.items.map((i) => <TrippedItem key={i.product} item={i} />)}</ul>
      {tripped.data?.next && limit < 500 && <button type="button" class="button more" onClick={() => setLimit(500)}>{t('show_more')}</button>}
      {canWrite() && !why && (
        <form class="approval-form pad" onSubmit={(e) => { e.preventDefault(); void decide('approve'); }}>
          <label class="field"><span>{t('approve_note')}</span>
            <input type="text" value={note} maxLength={500} onInput={(e) => setNote(e.currentTarget.value)} /></label>
          <div class="actions">
            <button type="button" class="button danger" disabled={busy} onClick={() => decide('reject')}><Icon name="close" size={18} />{t('reject')}</button>
            <button type="submit" class="button primary" disabled={busy}><Icon name="check" size={18} />{t('approve')}</button>
          </div>
        </form>
      )}
      {why && <p class="muted pad" role="note">{why} {t('approve_authors', { names: c.authors.map(actorName).join(', ') })}</p>}
    </section>
  );
}

function limitsText(up: number | null, down: number | null): string {
  return [up === null ? '' : `+${up} %`, down === null ? '' : `−${down} %`].filter(Boolean).join(' / ');
}

function TrippedItem({ item: i }: { item: ChangeItem }) {
  return (
    <li class="item">
      <a href={href('products', '', { q: i.product })}><b>{i.name}</b><small class="code">{i.product}</small></a>
      <span class="item-prices"><Offer offer={i.before} old /><Icon name="arrow" size={16} /><Offer offer={i.after} />
        <span class="reason">{i.reasons.map(reasonText).join(', ')}</span></span>
    </li>
  );
}
