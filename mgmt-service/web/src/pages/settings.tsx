// Access points, stores, users and API tokens: what an installer and an administrator need, no more.
import { useState } from 'preact/hooks';
import type { Ap, Role, TokenWithSecret } from '../api/types';
import { t, type Key } from '../lib/i18n';
import { useLoad } from '../lib/load';
import { Ago, Drawer, Empty, Failed, problemText, shortAp } from '../parts/bits';
import { Icon } from '../shell/icons';
import { href } from '../shell/router';
import { api, begin, isAdmin, session, storeId, stores, toast, useEvent } from '../state';
import { ApprovalRules } from './approval_rules';

const roles: Role[] = ['operator', 'store_manager', 'chain_admin', 'auditor', 'api'];
async function attempt(work: () => Promise<unknown>, good: string): Promise<boolean> {
  try { await work(); toast(good, 'good'); return true; } catch (e) { toast(problemText(e as Error), 'bad'); return false; }
}

export function SettingsPage() {
  return (
    <div class="page">
      <header class="page-head"><h1>{t('nav_settings')}</h1></header>
      <Aps />
      {isAdmin() && <Stores />}
      {isAdmin() && <ApprovalRules />}
      {isAdmin() && <Users />}
      {isAdmin() && <Tokens />}
      <p class="muted about">Shelfwire {session.value?.service.version}{session.value?.service.test_clock && ` · ${t('test_clock')}`}</p>
    </div>
  );
}

function Aps() {
  const list = useLoad(() => api.aps(), []);
  useEvent('ap', (ap) => list.set((old) => old && (old.some((a) => a.id === ap.id) ? old.map((a) => (a.id === ap.id ? ap : a)) : [...old, ap])));
  return (
    <section class="card">
      <header class="card-head"><h2>{t('access_points')}</h2></header>
      {list.error && <Failed error={list.error} retry={list.reload} />}
      <ul class="rows">{list.data?.map((ap) => <ApRow key={ap.id} ap={ap} onChanged={list.reload} />)}</ul>
      {list.data?.length === 0 && <Empty icon="ap" title={t('no_ap_yet')}>{t('no_ap_help')}</Empty>}
    </section>
  );
}
function ApRow({ ap, onChanged }: { ap: Ap; onChanged: () => void }) {
  const claim = (store: string) => attempt(() => api.updateAp(ap.id, { store }), t('saved')).then(onChanged);
  const joining = (ap.permit_join_until ?? 0) > Date.now();
  return (
    <li class="row ap-row">
      <span class={`dot dot-${ap.online ? 'shown' : 'failed'}`} />
      <span class="row-main"><b>{ap.name || shortAp(ap.id)}</b>
        <small>{shortAp(ap.id)} · {ap.radios.map((r) => t(`radio_${r}` as Key)).join(', ')} · {ap.model} {ap.version} · {ap.online ? t('online') : t('offline')} <Ago at={ap.since} /></small></span>
      <a class="small" href={href('tags', '', { ap: ap.id })}>{t('n_tags', { n: ap.tags })}</a>
      {ap.radios.includes('znp') && ap.store && <button type="button" class="button small" onClick={() => attempt(() => api.permitJoin(ap.id, 120), t('join_open'))}>{joining ? t('joining') : t('let_join')}</button>}
      {ap.store ? <span class="badge state-unknown">{ap.store}</span> : <button type="button" class="button primary small" disabled={!storeId.value} onClick={() => claim(storeId.value)}>{t('claim_to', { s: storeId.value })}</button>}
    </li>
  );
}

function Stores() {
  const [adding, setAdding] = useState(stores.value.length === 0);
  const save = async (e: SubmitEvent) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const ok = await attempt(async () => {
      await api.putStore(String(f.get('id')), { name: String(f.get('name')), currency: String(f.get('currency')).toUpperCase(), locale: String(f.get('locale')) });
      await begin(await api.me());
    }, t('saved'));
    if (ok) setAdding(false);
  };
  return (
    <section class="card">
      <header class="card-head"><h2>{t('stores')}</h2><button type="button" class="button small" onClick={() => setAdding(!adding)}><Icon name="plus" size={16} />{t('add')}</button></header>
      {adding && (
        <form class="inline-form" onSubmit={save}>
          <label class="field"><span>Id</span><input name="id" required pattern="[a-z0-9\-]{1,16}" placeholder="zagreb-1" /></label>
          <label class="field"><span>{t('name')}</span><input name="name" required maxLength={100} /></label>
          <label class="field"><span>{t('currency')}</span><input name="currency" required pattern="[A-Za-z]{3}" defaultValue="EUR" /></label>
          <label class="field"><span>{t('locale')}</span><input name="locale" required defaultValue="en" /></label>
          <button type="submit" class="button primary">{t('save')}</button>
        </form>
      )}
      <ul class="rows">{stores.value.map((s) => (
        <li key={s.id} class="row"><span class="row-main"><b>{s.name}</b><small><span class="code">{s.id}</span> · {s.currency} · {s.locale}</small></span>
          <small>{t('n_products', { n: s.products })}, {t('n_tags', { n: s.tags })}, {s.aps} AP</small></li>))}</ul>
    </section>
  );
}

function Users() {
  const list = useLoad(() => api.users(), []);
  const [adding, setAdding] = useState(false);
  const save = async (e: SubmitEvent) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const ok = await attempt(() => api.createUser({ name: String(f.get('name')), role: f.get('role') as Role, password: String(f.get('password')), stores: [] }), t('saved'));
    if (ok) { setAdding(false); list.reload(); }
  };
  return (
    <section class="card">
      <header class="card-head"><h2>{t('users')}</h2><button type="button" class="button small" onClick={() => setAdding(!adding)}><Icon name="plus" size={16} />{t('add')}</button></header>
      {list.error && <Failed error={list.error} retry={list.reload} />}
      {adding && (
        <form class="inline-form" onSubmit={save}>
          <label class="field"><span>{t('name')}</span><input name="name" required pattern="[a-z0-9._\-]{1,64}" autocomplete="off" /></label>
          <label class="field"><span>{t('role')}</span><select name="role">{roles.map((r) => <option key={r} value={r}>{t(`role_${r}` as Key)}</option>)}</select></label>
          <label class="field"><span>{t('password')}</span><input name="password" type="password" required minLength={10} autocomplete="new-password" /></label>
          <button type="submit" class="button primary">{t('save')}</button>
        </form>
      )}
      <ul class="rows">{list.data?.map((u) => (
        <li key={u.name} class="row">
          <span class={`dot dot-${u.disabled ? 'failed' : 'shown'}`} />
          <span class="row-main"><b>{u.name}</b><small>{t(`role_${u.role}` as Key)} · {u.last_login_at ? <>{t('last_login')} <Ago at={u.last_login_at} /></> : t('never_logged_in')}</small></span>
          {u.name !== session.value?.user.name && (
            <button type="button" class="button small" onClick={() => attempt(() => api.updateUser(u.name, { disabled: !u.disabled }), t('saved')).then(list.reload)}>{u.disabled ? t('enable') : t('disable')}</button>
          )}
        </li>))}</ul>
    </section>
  );
}

function Tokens() {
  const list = useLoad(() => api.tokens(), []);
  const [made, setMade] = useState<TokenWithSecret | null>(null);
  const [adding, setAdding] = useState(false);
  const save = async (e: SubmitEvent) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const ok = await attempt(async () => setMade(await api.createToken({ name: String(f.get('name')), role: f.get('role') as Role })), t('saved'));
    if (ok) { setAdding(false); list.reload(); }
  };
  const revoke = (id: string) => { if (confirm(t('revoke_sure'))) void attempt(() => api.revokeToken(id), t('saved')).then(list.reload); };
  return (
    <section class="card">
      <header class="card-head"><h2>{t('api_tokens')}</h2><button type="button" class="button small" onClick={() => setAdding(!adding)}><Icon name="plus" size={16} />{t('add')}</button></header>
      {list.error && <Failed error={list.error} retry={list.reload} />}
      {adding && (
        <form class="inline-form" onSubmit={save}>
          <label class="field"><span>{t('name')}</span><input name="name" required pattern="[a-z0-9._\-]{1,64}" autocomplete="off" /></label>
          <label class="field"><span>{t('role')}</span><select name="role">{roles.map((r) => <option key={r} value={r} selected={r === 'api'}>{t(`role_${r}` as Key)}</option>)}</select></label>
          <button type="submit" class="button primary">{t('save')}</button>
        </form>
      )}
      <ul class="rows">{list.data?.map((k) => (
        <li key={k.id} class="row"><span class="row-main"><b>{k.name}</b><small>{t(`role_${k.role}` as Key)} · {k.last_used_at ? <>{t('last_used')} <Ago at={k.last_used_at} /></> : t('never_used')}</small></span>
          <button type="button" class="button small danger" onClick={() => revoke(k.id)}>{t('revoke')}</button></li>))}
        {list.data?.length === 0 && <li class="muted pad">{t('no_tokens')}</li>}</ul>
      {made && <Drawer title={made.name} onClose={() => setMade(null)}><p>{t('token_once')}</p><pre class="secret">{made.secret}</pre></Drawer>}
    </section>
  );
}
