// A page that stays open while the service ends and comes back: it says so, connects again, and shows what changes then,
// without a reload. Says `watching`, `lost`, `live`, `turned`, one a line, as they happen; who reads them ends and starts the
// service and changes the price of the tag named after `watching`. Options as of operator.mjs.
import assert from 'node:assert/strict';
import { boundTag, Operator, until, withBrowser } from './browser.mjs';

await withBrowser(async (browser) => {
  const operator = await Operator.logIn(browser, 'desktop', { viewport: { width: 1280, height: 860 } });
  const { page } = operator;
  await page.locator('.live-live').waitFor();
  const { tag } = await boundTag(operator);
  await operator.visit(`#/tags/${tag.id}`);
  const screen = page.locator('.screens figure').first().locator('img');
  await screen.waitFor();
  const before = await screen.getAttribute('src');
  console.log(`watching ${tag.id}`);
  await page.locator('.live-lost').waitFor();
  console.log('lost');
  await page.locator('.live-live').waitFor();
  console.log('live');
  await until('the screen turns', async () => (await screen.getAttribute('src')) !== before);
  console.log('turned');
  await operator.neverReloaded();
  assert.deepEqual(operator.problems, [], 'errors in the page');
});
