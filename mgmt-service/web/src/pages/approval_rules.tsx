// Which changes need another person: the chain's rule, and the one of the store that is picked. A chain_admin writes them.
import { useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import type { ApprovalRule, ApprovalRuleWrite, ApproverRole } from '../api/types';
import { t, type Key } from '../lib/i18n';
import { useLoad } from '../lib/load';
import { Failed, problemText } from '../parts/bits';
import { api, store, storeId, toast } from '../state';

const roles: ApproverRole[] = ['operator', 'store_manager', 'chain_admin'];

export function ApprovalRules() {
  return (
    <section class="card" aria-label={t('approval_rules')}>
      <header class="card-head"><h2>{t('approval_rules')}</h2></header>
      <p class="muted pad">{t('rule_help')}</p>
      <Rule of="" title={t('rule_chain')} />
      {storeId.value && <Rule key={storeId.value} of={storeId.value} title={store()?.name ?? storeId.value} />}
    </section>
  );
}

// `of`: a store; empty is the chain.
function Rule({ of, title }: { of: string; title: string }) {
  const rule = useLoad(() => api.approvalRule(of), [of]);
  if (rule.error) return <Failed error={rule.error} retry={rule.reload} />;
  return rule.data ? <RuleForm key={rule.data.version} rule={rule.data} title={title} onDone={rule.reload} /> : null;
}

function RuleForm({ rule, title, onDone }: { rule: ApprovalRule; title: string; onDone: () => void }) {
  const [inherits, setInherits] = useState(rule.inherits);
  const save = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    const limit = (name: string) => (form.get(name) ? Number(form.get(name)) : null);
    const next: ApprovalRuleWrite = inherits ? { inherits } : {
      max_up_percent: limit('up'), max_down_percent: limit('down'), max_items: limit('items'), role: form.get('role') as ApproverRole,
    };
    try {
      await api.putApprovalRule(rule.store ?? '', next, rule.version);
      toast(t('saved'), 'good');
    } catch (failure) {
      toast(failure instanceof ApiError && failure.status === 412 ? t('approve_look_again') : problemText(failure as Error), 'bad');
    }
    onDone();
  };
  return (
    <form class="rule-form" aria-label={title} onSubmit={save}>
      <header><b>{title}</b>
        {rule.store && <label class="switch small"><input type="checkbox" checked={inherits} onChange={(e) => setInherits(e.currentTarget.checked)} /><i /><span>{t('rule_inherits')}</span></label>}</header>
      {!inherits && (
        <div class="rule-fields">
          <label class="field"><span>{t('rule_up')}</span><input name="up" type="number" min={0} max={1000} placeholder={t('rule_no_limit')} defaultValue={String(rule.max_up_percent ?? '')} /></label>
          <label class="field"><span>{t('rule_down')}</span><input name="down" type="number" min={0} max={1000} placeholder={t('rule_no_limit')} defaultValue={String(rule.max_down_percent ?? '')} /></label>
          <label class="field"><span>{t('rule_items')}</span><input name="items" type="number" min={1} max={20000} placeholder={t('rule_no_limit')} defaultValue={String(rule.max_items ?? '')} /></label>
          <label class="field"><span>{t('rule_role')}</span><select name="role">{roles.map((r) => <option key={r} value={r} selected={r === rule.role}>{t(`role_${r}` as Key)}</option>)}</select></label>
        </div>
      )}
      <button type="submit" class="button">{t('save')}</button>
    </form>
  );
}
