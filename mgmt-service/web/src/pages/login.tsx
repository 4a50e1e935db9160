import { useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import { t } from '../lib/i18n';
import { problemText } from '../parts/bits';
import { Icon, Mark } from '../shell/icons';
import { ThemeAndLanguage } from '../shell/nav';
import { api, begin } from '../state';

export function LoginPage() {
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    setBusy(true);
    setError('');
    try {
      await begin(await api.login(String(form.get('user')), String(form.get('password'))));
    } catch (failure) {
      setBusy(false);
      const status = failure instanceof ApiError ? failure.status : 0;
      setError(status === 401 ? t('login_wrong') : status === 429 ? t('login_slow') : problemText(failure as Error));
    }
  };
  return (
    <div class="login">
      <section class="login-shelf" aria-hidden="true">
        <div class="rail"><b>2</b><i>49</i></div>
        <div class="rail rail-promo"><b>1</b><i>99</i></div>
        <div class="rail"><b>12</b><i>90</i></div>
        <p>{t('login_claim')}</p>
      </section>
      <main class="login-side">
        <div class="login-tools"><ThemeAndLanguage /></div>
        <form class="login-form" onSubmit={submit}>
          <h1><Mark size={44} />Shelfwire</h1>
          <p class="lead">{t('login_lead')}</p>
          {error && <div class="notice notice-bad" role="alert"><Icon name="alert" /><span>{error}</span></div>}
          <label class="field"><span>{t('user')}</span><input name="user" autocomplete="username" autocapitalize="off" spellcheck={false} required autofocus /></label>
          <label class="field"><span>{t('password')}</span><input name="password" type="password" autocomplete="current-password" required /></label>
          <button type="submit" class="button primary big" disabled={busy}>{busy ? t('logging_in') : t('log_in')}</button>
        </form>
      </main>
    </div>
  );
}
