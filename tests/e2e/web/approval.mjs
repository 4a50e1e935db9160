// Four eyes in a real browser: an operator's price goes beyond the rule and waits; a store manager sees the reasons on a phone, sends
// it back once and approves it then by the keyboard. Needs a running line with a tag that is bound and shown, and writes a rule of the chain for the
// time of the test. usage: as operator.mjs, with the password of an administrator.
import assert from 'node:assert/strict';
import { boundTag, Operator, options, say, until, withBrowser } from './browser.mjs';

const word = 'four eyes see more';
const send = (operator, method, path, body) => operator.page.evaluate(async ([m, p, b]) => {
  const { csrf_token } = await (await fetch('/api/v1/auth/me')).json();
  const answer = await fetch(`/api/v1${p}`, { method: m, headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf_token }, body: JSON.stringify(b) });
  if (!answer.ok && answer.status !== 409) throw new Error(`${m} ${p}: HTTP ${answer.status} ${await answer.text()}`);
}, [method, path, body]);

async function changePrice(desk, product, cents) {
  const { page } = desk;
  await desk.visit(`#/products?q=${product.id}`);
  await page.locator('.product', { hasText: product.id }).getByRole('button').click();
  await page.locator('.drawer .field-price input').first().fill(`${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`);
  await page.getByRole('button', { name: 'Put on the shelf' }).click();
  await page.locator('.follow .badge', { hasText: 'Awaiting approval' }).waitFor();
  const link = page.getByRole('link', { name: 'See the change' });
  const id = (await link.getAttribute('href')).split('/').pop();
  await link.click();
  return id;
}

async function openWaiting(phone, id) {
  await phone.visit('#/dashboard');
  await phone.page.locator('.nav-count', { hasText: '1' }).waitFor();
  await phone.shoot('one-waits');
  await phone.page.getByRole('link', { name: '1 change waits for approval', exact: true }).click();
  await phone.page.locator(`a[href="#/changes/${id}"]`).click();
  await phone.page.locator('.approval .reason').first().waitFor();
}

async function fourEyes(browser) {
  const admin = await Operator.logIn(browser, 'admin', { viewport: { width: 1280, height: 860 } });
  const { product } = await boundTag(admin);
  const store = `/stores/${product.store}/products/${product.id}`;
  for (const [name, role] of [['ana', 'operator'], ['mia', 'store_manager']]) await send(admin, 'POST', '/users', { name, role, password: word });
  await admin.visit('#/settings');
  const rule = admin.page.getByRole('form', { name: 'The whole chain' });
  await rule.getByLabel('Up by more than').fill('20');
  await rule.getByLabel('Down by more than').fill('30');
  await rule.getByLabel('Approved by').selectOption('store_manager');
  await rule.scrollIntoViewIfNeeded();
  await admin.shoot('approval-rules');
  await rule.getByRole('button', { name: 'Save' }).click();
  await until('the rule is written', async () => (await admin.get('/approval-rule')).version === 1);
  const { max_up_percent: up, max_down_percent: down, max_items: most, role } = await admin.get('/approval-rule');
  assert.deepEqual([up, down, most, role], [20, 30, null, 'store_manager']);
  const desk = await Operator.logIn(browser, 'desktop', { viewport: { width: 1280, height: 860 }, colorScheme: 'light' }, { user: 'ana', password: word });
  const phone = await Operator.logIn(browser, 'phone', { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme: 'light' }, { user: 'mia', password: word });
  say('an operator at a desk, a store manager with a phone');

  const cents = product.price.minor * 3;
  const id = await changePrice(desk, product, cents);
  await desk.page.locator('.approval', { hasText: 'another person has to decide' }).waitFor();
  assert.equal(await desk.page.getByRole('button', { name: 'Approve' }).count(), 0, 'its author may approve');
  await desk.page.locator('.nav-count', { hasText: '1' }).waitFor();
  await desk.shoot('waiting');
  assert.equal((await admin.get(store)).price.minor, product.price.minor, 'in force without approval');

  await openWaiting(phone, id);
  assert.match(await phone.page.locator('.approval .reason').first().innerText(), /^\+200 %$/);
  await phone.shoot('approval');
  await phone.page.getByRole('button', { name: 'Send back' }).click();
  await phone.page.getByText('Say why in the note.').first().waitFor();
  await phone.page.getByLabel('Note').fill('Sure about the price?');
  await phone.page.getByRole('button', { name: 'Send back' }).click();
  await desk.page.locator('.timeline', { hasText: 'Sure about the price?' }).waitFor();
  say('sent back with a reason, which the author sees at once');
  await desk.page.getByRole('button', { name: 'Submit' }).click();
  await desk.page.locator('.badge', { hasText: 'Awaiting approval' }).first().waitFor();

  await phone.page.locator('.approval .reason').first().waitFor();
  await until('the phone has the version that was submitted', async () => (await phone.page.locator('.timeline .step-awaiting_approval').count()) === 2);
  await phone.page.getByLabel('Note').focus();
  await phone.page.keyboard.type('agreed');
  await phone.page.keyboard.press('Tab');
  await phone.page.keyboard.press('Tab');
  assert.equal(await phone.page.evaluate(() => document.activeElement.textContent.trim()), 'Approve');
  await phone.page.keyboard.press('Enter');
  await phone.page.locator('.page-head .badge', { hasText: 'Done' }).waitFor();
  await phone.shoot('approved');
  await until('none waits any more', async () => (await phone.page.locator('.nav-count').count()) === 0);
  assert.equal((await admin.get(store)).price.minor, cents);
  const steps = (await admin.get(`/changes/${id}`)).steps.map((s) => `${s.action} ${s.actor}`);
  assert.deepEqual(steps, ['create user:ana', 'reject user:mia', 'submit user:ana', 'approve user:mia', 'finish service']);
  await desk.page.locator('.timeline', { hasText: 'agreed' }).waitFor();
  await desk.shoot('timeline');
  await admin.visit(`#/audit?action=change.approve`);
  await admin.page.locator('.entry', { hasText: 'Approved' }).first().waitFor();
  await send(admin, 'PUT', '/approval-rule', {});
  assert.deepEqual([...desk.problems, ...phone.problems, ...admin.problems], [], 'errors in the page');
  say('approved by the keyboard, displayed, and in the audit log');
  console.log(JSON.stringify({ change: id, product: product.id, cents }));
}

await withBrowser(fourEyes);
