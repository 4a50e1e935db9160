// What an operator does, in a real browser against a running line: log in, import a file, change a price, watch the tag's
// screen turn to it without a reload, open its audit trail and check the proof. Needs at least one tag that is bound and shown.
// usage: node operator.mjs [--url URL] [--user NAME] [--password WORD] [--screenshots DIR] [--deadline SECONDS]
//        (or SHELFWIRE_URL, SHELFWIRE_USER, SHELFWIRE_PASSWORD). Prints the steps; the last line is JSON about what was changed.
import assert from 'node:assert/strict';
import { boundTag, Operator, options, say, until, withBrowser } from './browser.mjs';

// GTIN-14 with its check digit from the first 13 digits.
const withCheckDigit = (body) => body + ((10 - ([...body].reduce((sum, d, i) => sum + Number(d) * (i % 2 ? 1 : 3), 0) % 10)) % 10);

async function importFile(operator, product) {
  const { page } = operator;
  const fresh = withCheckDigit(`0950${String(Date.now() % 1e9).padStart(9, '0')}`);
  const cents = 100 + (Date.now() % 800);
  const price = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
  const damaged = fresh.slice(1, -1) + ((Number(fresh.at(-1)) + 1) % 10);
  const csv = ['barcode,name,price', `${fresh.slice(1)},Probe,${price}`, `${product.id},"${product.name.replaceAll('"', '""')}",${price}`, `${damaged},Damaged,1.00`, '4711,In-store,1.00'].join('\n');

  await operator.visit('#/import');
  await page.locator('input[type=file]').setInputFiles({ name: 'morning.csv', mimeType: 'text/csv', buffer: Buffer.from(`${csv}\n`) });
  await page.getByText('Dry run: 2 rows would be applied.').waitFor();
  const verdicts = await page.locator('.verdicts tbody tr').allInnerTexts();
  assert.equal(verdicts.length, 2, `two rows are rejected: ${verdicts.join(' | ')}`);
  assert.match(verdicts[0], /^3\s.*wrong check digit/s);
  assert.match(verdicts[1], /^4\s.*in-store code/s);
  assert.equal((await operator.get(`/stores/${product.store}/products/${product.id}`)).price?.minor, product.price?.minor, 'a dry run changed a price');
  await operator.shoot('import');
  await page.getByRole('button', { name: 'Apply 2 rows' }).click();
  await page.getByRole('link', { name: 'See the change' }).waitFor();
  const change = (await page.getByRole('link', { name: 'See the change' }).getAttribute('href')).split('/').pop();
  await page.locator('.import-live', { hasText: '1/1' }).waitFor();
  assert.equal((await operator.get(`/stores/${product.store}/products/${product.id}`)).price.minor, cents);
  return { change, cents, fresh };
}

async function changePrice(operator, product, cents) {
  const { page } = operator;
  await operator.visit(`#/products?q=${product.id}`);
  await page.locator('.product', { hasText: product.id }).getByRole('button').click();
  const field = page.locator('.drawer .field-price input').first();
  const picture = page.locator('.preview img');
  const before = await picture.getAttribute('src');
  await field.fill(`${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`);
  await until('the preview follows the price', async () => (await picture.getAttribute('src')) !== before);
  assert.ok(await picture.evaluate((image) => image.decode().then(() => image.naturalWidth > 0)), 'the preview is no picture');
  await operator.shoot('price');
  await page.getByRole('button', { name: 'Put on the shelf' }).click();
  await page.locator('.follow').waitFor();
  await operator.shoot('on-its-way');
  return (await page.getByRole('link', { name: 'See the change' }).getAttribute('href')).split('/').pop();
}

async function auditTrail(operator, tag, change) {
  const { page } = operator;
  await page.getByRole('link', { name: 'Audit trail' }).first().click();
  const displayed = page.locator('.entry', { hasText: 'Displayed' });
  await displayed.first().waitFor();
  await operator.shoot('audit');
  await displayed.first().click();
  await page.locator('.proof-good').waitFor();
  await page.getByText('Proved: this entry is in the log, unaltered').waitFor();
  await operator.shoot('proof');
  const text = await page.locator('.drawer .raw pre').textContent();
  assert.ok(text.includes(tag) && text.includes(change), `the newest display in the trail is another one: ${text}`);
  await page.keyboard.press('Escape');
}

async function aDay(browser) {
  const desk = await Operator.logIn(browser, 'desktop', { viewport: { width: 1280, height: 860 }, colorScheme: 'light' });
  const shelf = await Operator.logIn(browser, 'phone', { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme: 'light' });
  say('logged in, at a desk and on a phone');
  await desk.shoot('overview');
  await shelf.shoot('overview');
  const { tag, product } = await boundTag(desk);
  say(`tag ${tag.id} shows ${product.name}`);

  const imported = await importFile(desk, product);
  say('imported a file: dry run, verdicts, applied, displayed');

  // The phone stands before the tag while the price is changed at the desk.
  await shelf.visit(`#/tags/${tag.id}`);
  const screen = shelf.page.locator('.screens figure').first().locator('img');
  await screen.waitFor();
  const oldSource = await screen.getAttribute('src');
  const oldPixels = await shelf.pixels(`/tags/${tag.id}/shown.png`);
  const cents = imported.cents + 111;
  const change = await changePrice(desk, product, cents);
  await until('the phone shows the new screen', async () => (await screen.getAttribute('src')) !== oldSource);
  await shelf.page.locator('.screens-between.is-same').waitFor();
  await shelf.neverReloaded();
  const shown = await shelf.pixels(`/tags/${tag.id}/shown.png`);
  assert.notEqual(shown, oldPixels, 'the screen has the same pixels as before');
  assert.equal(shown, await shelf.pixels(`/tags/${tag.id}/wanted.png`), 'shown and wanted differ');
  await desk.page.locator('.follow .badge', { hasText: 'Done' }).waitFor();
  say(`the tag's screen turned on the phone; displayed ${(await desk.get(`/changes/${change}`)).timings.p99_ms} ms after it was accepted`);
  await desk.shoot('shown');
  await desk.page.keyboard.press('Escape');
  await desk.page.locator('.product', { hasText: product.id }).getByText(String(Math.floor(cents / 100)), { exact: true }).waitFor();
  await shelf.shoot('tag');

  await desk.visit(`#/tags/${tag.id}`);
  await desk.page.locator('.story').first().waitFor();
  await desk.shoot('tag');
  await auditTrail(desk, tag.id, change);
  say('the audit trail has the display, and its proof holds in the browser');

  await desk.visit(`#/changes/${change}`);
  await desk.page.locator('.change-count', { hasText: '1' }).waitFor();
  await desk.shoot('change');
  for (const [page, ready] of [['products', '.product'], ['tags', '.tag-card']]) {
    for (const operator of [desk, shelf]) {
      await operator.visit(`#/${page}`);
      await operator.page.locator(ready).first().waitFor();
      await operator.shoot(page);
    }
  }
  if (options.screenshots) await showMore(desk, shelf);
  await desk.neverReloaded();
  assert.deepEqual([...desk.problems, ...shelf.problems], [], 'errors in the page');
  say('done');
  console.log(JSON.stringify({ tag: tag.id, product: product.id, cents, change, import: imported.change }));
}

// Only for the screenshots: failed tags if there are any, the change with the most tags, dark colours, Chinese.
async function showMore(desk, shelf) {
  const failed = (await desk.get('/tags?state=failed&limit=1')).items[0];
  for (const operator of failed ? [desk, shelf] : []) {
    await operator.visit('#/tags?state=failed');
    await operator.page.locator('.tag-card .why').first().waitFor();
    await operator.shoot('failed');
    await operator.visit(`#/tags/${failed.id}`);
    await operator.page.locator('.screens').waitFor();
    await operator.shoot('difference');
  }
  const changes = (await desk.get('/changes?limit=100')).items.sort((a, b) => b.jobs_total - a.jobs_total);
  await desk.visit(`#/changes/${changes[0].id}`);
  await desk.page.locator('.change-count').waitFor();
  await desk.shoot('bulk-change');
  await desk.visit('#/dashboard');
  await desk.page.locator('.hero').waitFor();
  await desk.shoot('overview');
  await desk.page.emulateMedia({ colorScheme: 'dark' });
  await desk.shoot('overview-dark');
  await desk.page.getByRole('button', { name: '切换到中文' }).click();
  await desk.shoot('overview-chinese');
  await desk.page.getByRole('button', { name: 'Switch to English' }).click();
  await desk.visit('#/tags');
  await desk.page.locator('.tag-card').first().waitFor();
  await desk.shoot('tags-dark');
  await desk.page.emulateMedia({ colorScheme: 'light' });
  await shelf.visit('#/dashboard');
  await shelf.page.locator('.hero').waitFor();
  await shelf.shoot('overview');
}

await withBrowser(aDay);
