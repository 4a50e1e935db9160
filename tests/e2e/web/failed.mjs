// What the page says of tags that cannot be reached: one card each with the reason, and the number on the overview.
// Prints their ids as a JSON list. Options as of operator.mjs.
import assert from 'node:assert/strict';
import { Operator, until, withBrowser } from './browser.mjs';

await withBrowser(async (browser) => {
  const operator = await Operator.logIn(browser, 'desktop', { viewport: { width: 1280, height: 860 } });
  const { page } = operator;
  const failed = (await operator.get('/tags?state=failed&limit=500')).items;
  await operator.visit('#/tags?state=failed');
  await until('a card for each failed tag', async () => (await page.locator('.tag-card .why').count()) === failed.length);
  const reasons = await page.locator('.tag-card .why').allInnerTexts();
  for (const reason of reasons) assert.match(reason, /Not reachable/);
  await operator.shoot('failed');
  assert.deepEqual(operator.problems, [], 'errors in the page');
  console.log(JSON.stringify(failed.map((tag) => tag.id)));
});
