// What is happening now, newest first; begins with the newest audit entries.
import type { AuditEntry } from '../api/types';
import { known, t } from '../lib/i18n';
import { useLoad, useThrottled } from '../lib/load';
import { Icon, type IconName } from '../shell/icons';
import { href } from '../shell/router';
import { api, useEvent } from '../state';
import { actorName, Clock } from './bits';

const kShown = 14;
const icons: Record<string, IconName> = { job: 'tags', change: 'changes', product: 'products', tag: 'link', ap: 'ap', user: 'user', session: 'user', token: 'user', import: 'import' };

export function actionText(action: string): string {
  const key = `act_${action.replace(/\./g, '_')}`;
  return known(key) ? t(key) : action;
}
export function objectText(object: string): string {
  return object.replace(/^[a-z]+:/, '').replace(/^GID_esl_ap@@@/, '');
}
export function objectLink(entry: AuditEntry): string | null {
  if (entry.tag) return href('tags', entry.tag);
  const tag = /^tag:(.+)$/.exec(entry.object);
  if (tag) return href('tags', tag[1]);
  if (entry.change) return href('changes', entry.change);
  const product = /^product:[^/]+\/(.+)$/.exec(entry.object);
  return product ? href('products', '', { q: product[1] }) : null;
}

export function Activity() {
  const entries = useLoad(() => api.audit({ limit: kShown }).then((page) => page.items), []);
  // Asked for anew rather than put in front: a bulk change brings hundreds of entries a second.
  useEvent('audit', useThrottled(entries.reload, 700));
  return (
    <ol class="activity">
      {entries.data?.map((e) => {
        const to = objectLink(e);
        const text = <><b>{actionText(e.action)}</b> <span class="code">{objectText(e.object)}</span></>;
        return (
          <li key={e.index} class={e.action === 'job.failed' ? 'activity-bad' : e.action === 'job.displayed' ? 'activity-good' : ''}>
            <Icon name={icons[e.action.split('.')[0] ?? ''] ?? 'more'} size={16} />
            <span class="activity-text">{to ? <a href={to}>{text}</a> : text}</span>
            <small>{actorName(e.actor)}</small>
            <small class="time"><Clock at={e.at} /></small>
          </li>
        );
      })}
      {entries.data?.length === 0 && <li class="muted">{t('quiet')}</li>}
    </ol>
  );
}
