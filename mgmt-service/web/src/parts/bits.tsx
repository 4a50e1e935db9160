// Small pieces used on many pages.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError } from '../api/client';
import type { Battery, Change, ChangeState, JobState, Money, Promotion, TagState } from '../api/types';
import { t, type Key } from '../lib/i18n';
import { formatMoney, priceParts } from '../lib/money';
import { ago, clock, dateTime, span } from '../lib/time';
import { Icon, type IconName } from '../shell/icons';
import { locale, now, store } from '../state';

const shopLocale = () => store()?.locale || locale();
export const moneyText = (m: Money | null) => (m ? formatMoney(m, shopLocale()) : '–');

export function Price({ money, size = 'm', struck = false, promo = false }: { money: Money | null; size?: 's' | 'm' | 'l' | 'xl'; struck?: boolean; promo?: boolean }) {
  if (!money) return <span class="price price-none">{t('no_price')}</span>;
  if (struck) return <s class="price-was"><span class="sr">{t('before')} </span>{formatMoney(money, shopLocale())}</s>;
  const p = priceParts(money, shopLocale());
  const symbol = <span class="price-symbol">{p.symbol}</span>;
  return (
    <span class={`price price-${size}${promo ? ' price-promo' : ''}`}>
      <span class="sr">{formatMoney(money, shopLocale())}</span>
      <span aria-hidden="true" class="price-figures">
        {p.symbolFirst && symbol}
        <span class="price-whole">{p.whole}</span>
        {p.cents && <span class="price-cents">{p.cents}</span>}
        {!p.symbolFirst && symbol}
      </span>
    </span>
  );
}

export const promotionNow = (p: Promotion | null): p is Promotion => !!p && p.from <= now.value && now.value < p.to;

const stateIcons: Record<TagState, IconName> = { shown: 'check', pending: 'clock', failed: 'alert', unknown: 'more' };
export function StateBadge({ state, late = false }: { state: TagState; late?: boolean }) {
  return (
    <span class={`badge state-${state}`}>
      <Icon name={stateIcons[state]} size={14} />
      {t(`state_${state}` as Key)}
      {late && state !== 'shown' && <em> · {t('late')}</em>}
    </span>
  );
}
const jobTone: Record<JobState, string> = {
  new: 'pending', queued: 'pending', sent: 'pending', accepted: 'pending', transferring: 'moving', displayed: 'shown',
  failed: 'failed', superseded: 'unknown', expired: 'failed', cancelled: 'unknown',
};
export const toneOf = (state: JobState) => jobTone[state];
export function JobBadge({ state }: { state: JobState }) {
  return <span class={`badge state-${jobTone[state]}`}>{t(`job_${state}` as Key)}</span>;
}
const changeTone: Record<ChangeState, string> = {
  draft: 'unknown', awaiting_approval: 'pending', scheduled: 'pending', running: 'moving', done: 'shown', partly_failed: 'failed', cancelled: 'unknown',
};
export function ChangeBadge({ state }: { state: ChangeState }) {
  return <span class={`badge state-${changeTone[state]}`}>{t(`change_${state}` as Key)}</span>;
}

const order: JobState[] = ['displayed', 'transferring', 'accepted', 'sent', 'queued', 'new', 'failed', 'expired', 'superseded', 'cancelled'];
export function Progress({ counts, total }: { counts: Change['counts']; total: number }) {
  const displayed = counts.displayed ?? 0;
  return (
    <div class="progress" role="progressbar" aria-label={t('progress')} aria-valuemin={0} aria-valuemax={total} aria-valuenow={displayed}
      aria-valuetext={t('n_of_m_displayed', { n: displayed, m: total })}>
      {order.filter((s) => counts[s]).map((s) => (
        <i key={s} class={`fill-${jobTone[s]}`} style={{ flexGrow: counts[s] ?? 0 }} title={`${t(`job_${s}` as Key)}: ${counts[s]}`} />
      ))}
    </div>
  );
}

export function BatteryMark({ battery }: { battery: Battery | null }) {
  if (!battery) return <span class="meter meter-unknown" title={t('battery_unknown')}>–</span>;
  const percent = battery.percent;
  const text = percent !== null ? `${percent} %` : battery.millivolts !== null ? `${(battery.millivolts / 1000).toFixed(2)} V` : '–';
  return (
    <span class={`meter${battery.low ? ' meter-low' : ''}`} title={battery.low ? t('battery_low') : t('battery')}>
      <svg width="22" height="12" viewBox="0 0 22 12" aria-hidden="true">
        <rect x="0.6" y="0.6" width="18.8" height="10.8" rx="2.5" class="meter-case" />
        <rect x="20.4" y="3.8" width="1.6" height="4.4" rx="0.8" class="meter-tip" />
        <rect x="2.4" y="2.4" width={Math.max(1, (15.2 * (percent ?? (battery.low ? 10 : 70))) / 100)} height="7.2" rx="1.2" class="meter-fill" />
      </svg>
      <span class="sr">{battery.low ? t('battery_low') : t('battery')} </span>{text}
    </span>
  );
}
export function SignalMark({ rssi }: { rssi: number | null }) {
  const bars = rssi === null ? 0 : rssi > -60 ? 4 : rssi > -70 ? 3 : rssi > -80 ? 2 : 1;
  return (
    <span class="meter" title={rssi === null ? t('signal_unknown') : `${rssi} dBm`}>
      <svg width="18" height="12" viewBox="0 0 18 12" aria-hidden="true">
        {[0, 1, 2, 3].map((i) => <rect key={i} x={i * 4.6} y={9 - i * 3} width="3.2" height={3 + i * 3} rx="0.8" class={i < bars ? 'bar-on' : 'bar-off'} />)}
      </svg>
      <span class="sr">{t('signal')} </span>{rssi ?? '–'}
    </span>
  );
}
export const shortAp = (id: string | null) => id?.replace(/^GID_esl_ap@@@/, '') ?? '–';

export function Ago({ at }: { at: number | null | undefined }) {
  if (!at) return <>–</>;
  const until = at - now.value;  // the page's clock ticks in steps: what has just happened is not in the future
  return <time dateTime={new Date(at).toISOString()} title={new Date(at).toLocaleString(locale())}>{ago(until > 0 && until < 10000 ? now.value : at, now.value, locale())}</time>;
}
export const Clock = ({ at }: { at: number }) => <time dateTime={new Date(at).toISOString()}>{clock(at, locale())}</time>;
export const When = ({ at }: { at: number }) => <time dateTime={new Date(at).toISOString()} title={new Date(at).toLocaleString(locale())}>{dateTime(at, locale())}</time>;
export { span };

export function changeTitle(change: Change): string {
  return change.title || t(`kind_${change.kind}` as Key);
}
export function actorName(actor: string): string {
  if (actor === 'service') return t('the_service');
  if (actor.startsWith('ap:')) return `AP ${shortAp(actor.slice(3))}`;
  return actor.replace(/^(user|token):/, '');
}

export function problemText(error: Error): string {
  if (error instanceof ApiError) {
    if (error.status === 0) return error.message === 'cut off' ? t('error_cut_off') : error.message === 'aborted' ? t('error_aborted') : t('error_offline');
    if (error.status === 403) return t('error_forbidden');
  }
  return error.message;
}
export function Failed({ error, retry }: { error: Error; retry?: () => void }) {
  return (
    <div class="notice notice-bad" role="alert">
      <Icon name="alert" />
      <span>{problemText(error)}</span>
      {retry && <button type="button" class="button small" onClick={retry}>{t('try_again')}</button>}
    </div>
  );
}
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} size={34} />
      <h3>{title}</h3>
      {children && <p>{children}</p>}
    </div>
  );
}
export function Skeleton({ rows = 6 }: { rows?: number }) {
  return <div class="skeleton" aria-busy="true" aria-label={t('loading')}>{Array.from({ length: rows }, (_, i) => <i key={i} />)}</div>;
}

// A panel over the page: at the right on wide screens, from below on a phone. Escape and the backdrop close it.
export function Drawer({ title, onClose, children, wide = false }: { title: ComponentChildren; onClose: () => void; children: ComponentChildren; wide?: boolean }) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = box.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={box} class={`drawer${wide ? ' drawer-wide' : ''}`} onCancel={(e) => { e.preventDefault(); onClose(); }}
      onClick={(e) => { if (e.target === box.current) onClose(); }}>
      <div class="drawer-body">
        <header class="drawer-head">
          <h2>{title}</h2>
          <button type="button" class="icon-button" onClick={onClose} aria-label={t('close')}><Icon name="close" /></button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

export function Chips<V extends string>({ value, options, onPick, label }: {
  value: V; options: { value: V; label: string; count?: number; tone?: string }[]; onPick: (v: V) => void; label: string;
}) {
  return (
    <div class="chips" role="group" aria-label={label}>
      {options.map((o) => (
        <button key={o.value} type="button" class={`chip${o.tone ? ` chip-${o.tone}` : ''}`} aria-pressed={value === o.value} onClick={() => onPick(o.value)}>
          {o.label}{o.count !== undefined && <b>{o.count.toLocaleString(locale())}</b>}
        </button>
      ))}
    </div>
  );
}
