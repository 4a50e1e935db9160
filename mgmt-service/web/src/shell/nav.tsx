import { useEffect, useRef, useState } from 'preact/hooks';
import { t, type Key } from '../lib/i18n';
import { useLoad, useThrottled } from '../lib/load';
import { Drawer, problemText } from '../parts/bits';
import { api, isAdmin, lang, live, session, storeId, stores, theme, toast, useEvent, type Theme } from '../state';
import { Icon, Mark, type IconName } from './icons';
import { go, href, route } from './router';

const places: { page: string; icon: IconName; phone: boolean }[] = [
  { page: 'dashboard', icon: 'dashboard', phone: true },
  { page: 'products', icon: 'products', phone: true },
  { page: 'tags', icon: 'tags', phone: true },
  { page: 'changes', icon: 'changes', phone: true },
  { page: 'import', icon: 'import', phone: false },
  { page: 'audit', icon: 'audit', phone: false },
  { page: 'settings', icon: 'settings', phone: false },
];

// How many changes of the store wait for another person, kept up to date.
function useWaiting(): number {
  const store = storeId.value;
  const stats = useLoad(() => (store ? api.stats(store) : Promise.resolve(undefined)), [store]);
  const recount = useThrottled(stats.reload, 1000);
  useEvent('change', (c) => { if (c.store === store) recount(); });
  return stats.data?.changes.awaiting_approval ?? 0;
}

export function Nav() {
  const [more, setMore] = useState(false);
  const waiting = useWaiting();
  const here = route.value.page;
  useEffect(() => setMore(false), [route.value]);
  const link = (p: (typeof places)[number]) => (
    <a key={p.page} href={href(p.page)} class={`nav-link${p.phone ? '' : ' nav-extra'}`} aria-current={here === p.page ? 'page' : undefined}>
      <Icon name={p.icon} />
      <span>{t(`nav_${p.page}` as Key)}</span>
      {p.page === 'changes' && waiting > 0 && <b class="nav-count"><span aria-hidden="true">{waiting}</span><span class="sr">, {t('n_wait_for_approval', { n: waiting })}</span></b>}
    </a>
  );
  return (
    <nav class={`nav${more ? ' nav-open' : ''}`} aria-label={t('main_navigation')}>
      <a class="brand" href={href('dashboard')}><Mark /><span>Shelfwire</span></a>
      <div class="nav-links">
        {places.map(link)}
        <button type="button" class="nav-link nav-more" aria-expanded={more} onClick={() => setMore(!more)}>
          <Icon name="more" /><span>{t('more')}</span>
        </button>
      </div>
      <LiveMark />
    </nav>
  );
}

function LiveMark() {
  return (
    <div class={`live live-${live.value}`} role="status">
      <i />{t(`live_${live.value}` as Key)}
    </div>
  );
}

const nextTheme: Record<Theme, Theme> = { auto: 'light', light: 'dark', dark: 'auto' };
const themeIcon: Record<Theme, IconName> = { auto: 'auto', light: 'sun', dark: 'moon' };

export function ThemeAndLanguage() {
  return (
    <>
      <button type="button" class="icon-button" onClick={() => { theme.value = nextTheme[theme.value]; }}
        aria-label={t(`theme_${theme.value}` as Key)} title={t(`theme_${theme.value}` as Key)}>
        <Icon name={themeIcon[theme.value]} />
      </button>
      <button type="button" class="icon-button language" onClick={() => { lang.value = lang.value === 'en' ? 'zh' : 'en'; }}
        lang={lang.value === 'en' ? 'zh-Hans' : 'en'} aria-label={lang.value === 'en' ? '切换到中文' : 'Switch to English'}>
        {lang.value === 'en' ? '中' : 'EN'}
      </button>
    </>
  );
}

export function Topbar() {
  return (
    <header class="topbar">
      <a class="brand brand-phone" href={href('dashboard')} aria-label="Shelfwire"><Mark size={28} /></a>
      <label class="store-pick">
        <span class="sr">{t('store')}</span>
        <select value={storeId.value} onChange={(e) => { storeId.value = e.currentTarget.value; }}>
          {stores.value.map((s) => <option key={s.id} value={s.id}>{s.name}</option>)}
          {stores.value.length === 0 && <option value="">{t('no_store')}</option>}
        </select>
      </label>
      <Search />
      <ThemeAndLanguage />
      <UserMenu />
    </header>
  );
}

// A scanner types a code and Enter: a tag id opens the tag, all else searches the products.
function Search() {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      const typing = e.target instanceof HTMLElement && e.target.closest('input, textarea, select, dialog');
      if (e.key !== '/' || typing || e.ctrlKey || e.metaKey || e.altKey) return;
      e.preventDefault();
      input.current?.focus();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const submit = (e: Event) => {
    e.preventDefault();
    const text = input.current?.value.trim() ?? '';
    const plain = text.toUpperCase().replace(/[:\s-]/g, '');
    const isTag = /^([0-9A-F]{16}|(?=.*[A-F])[0-9A-F]{12})$/.test(plain);
    go(isTag ? href('tags', plain) : href('products', '', { q: text }));
    if (input.current) input.current.value = '';
    input.current?.blur();
  };
  return (
    <form class="search" role="search" onSubmit={submit}>
      <Icon name="search" size={18} />
      <input ref={input} type="search" placeholder={t('search_hint')} aria-label={t('search_label')} autocomplete="off" spellcheck={false} />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}

function UserMenu() {
  const [open, setOpen] = useState(false);
  const [changing, setChanging] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const away = (e: Event) => { if (!box.current?.contains(e.target as Node)) setOpen(false); };
    const escape = (e: KeyboardEvent) => { if (e.key === 'Escape') setOpen(false); };
    addEventListener('pointerdown', away);
    addEventListener('keydown', escape);
    return () => { removeEventListener('pointerdown', away); removeEventListener('keydown', escape); };
  }, [open]);
  const user = session.value!.user;
  const leave = async () => {
    await api.logout().catch(() => undefined);
    session.value = null;
  };
  return (
    <div class="menu" ref={box}>
      <button type="button" class="avatar" aria-expanded={open} aria-label={t('account', { name: user.name })} onClick={() => setOpen(!open)}>
        {user.name.slice(0, 1).toUpperCase()}
      </button>
      {open && (
        <div class="menu-box">
          <p><b>{user.name}</b><small>{t(`role_${user.role}` as Key)}</small></p>
          <div class="menu-tools"><ThemeAndLanguage /></div>
          {isAdmin() && <a href={href('settings')} onClick={() => setOpen(false)}><Icon name="settings" size={18} />{t('nav_settings')}</a>}
          <button type="button" onClick={() => { setOpen(false); setChanging(true); }}><Icon name="key" size={18} />{t('change_password')}</button>
          <button type="button" onClick={leave}><Icon name="out" size={18} />{t('log_out')}</button>
        </div>
      )}
      {changing && <PasswordDrawer onClose={() => setChanging(false)} />}
    </div>
  );
}

function PasswordDrawer({ onClose }: { onClose: () => void }) {
  const [error, setError] = useState('');
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    if (form.get('password') !== form.get('again')) return setError(t('passwords_differ'));
    try {
      await api.updateUser(session.value!.user.name, { password: String(form.get('password')) });
      toast(t('password_changed'), 'good');
      onClose();
    } catch (failure) {
      setError(problemText(failure as Error));
    }
  };
  return (
    <Drawer title={t('change_password')} onClose={onClose}>
      <form class="editor" onSubmit={submit}>
        <input type="text" name="username" value={session.value!.user.name} autocomplete="username" hidden readOnly />
        <label class="field"><span>{t('new_password')}</span><input name="password" type="password" autocomplete="new-password" minLength={10} maxLength={256} required autofocus /></label>
        <label class="field"><span>{t('again')}</span><input name="again" type="password" autocomplete="new-password" required /></label>
        {error && <div class="notice notice-bad" role="alert"><Icon name="alert" /><span>{error}</span></div>}
        <div class="drawer-foot"><button type="submit" class="button primary big">{t('save')}</button></div>
      </form>
    </Drawer>
  );
}
