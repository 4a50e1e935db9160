import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { ApiError } from '../api/client';
import { t } from '../lib/i18n';
import { AuditPage } from '../pages/audit';
import { ChangePage } from '../pages/change';
import { ChangesPage } from '../pages/changes';
import { DashboardPage } from '../pages/dashboard';
import { ImportPage } from '../pages/import';
import { LoginPage } from '../pages/login';
import { ProductsPage } from '../pages/products';
import { SettingsPage } from '../pages/settings';
import { TagPage } from '../pages/tag';
import { TagsPage } from '../pages/tags';
import { Empty, problemText } from '../parts/bits';
import { api, begin, connect, disconnect, session, storeId, toast, toasts } from '../state';
import { Icon } from './icons';
import { Nav, Topbar } from './nav';
import { route } from './router';

const pages: Record<string, ComponentType> = {
  dashboard: DashboardPage, products: ProductsPage, tags: TagsPage, changes: ChangesPage, import: ImportPage,
  audit: AuditPage, settings: SettingsPage,
};
function Page() {
  const { page, id } = route.value;
  if (page === 'tags' && id) return <TagPage key={id} id={id} />;
  if (page === 'changes' && id) return <ChangePage key={id} id={id} />;
  const Found = pages[page];
  return Found ? <Found key={storeId.value} /> : <Empty icon="search" title={t('no_such_page')} />;
}

export function App() {
  useEffect(() => {
    api.me().then(begin, (error: Error) => {
      session.value = null;
      if (!(error instanceof ApiError) || error.status !== 401) toast(problemText(error), 'bad');
    });
  }, []);
  const signedIn = !!session.value;
  useEffect(() => {
    if (!signedIn) return;
    connect();
    return disconnect;
  }, [signedIn]);

  return (
    <>
      {session.value === undefined && <div class="boot" aria-busy="true" aria-label={t('loading')} />}
      {session.value === null && <LoginPage />}
      {session.value && (
        <div class="shell">
          <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById('main')?.focus(); }}>{t('skip')}</a>
          <Nav />
          <div class="column">
            <Topbar />
            <main id="main" tabIndex={-1}><Page /></main>
          </div>
        </div>
      )}
      <div class="toasts" role="status" aria-live="polite">
        {toasts.value.map((n) => (
          <div key={n.id} class={`toast toast-${n.kind}`}>
            <Icon name={n.kind === 'bad' ? 'alert' : 'check'} size={18} />{n.text}
          </div>
        ))}
      </div>
    </>
  );
}
