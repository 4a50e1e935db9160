// A browser before the operators' page, for the scripts of this folder.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const require = createRequire(new URL('../../../mgmt-service/web/package.json', import.meta.url));
const { chromium } = require('playwright-core');

const env = process.env;
export const { values: options } = parseArgs({
  options: {
    url: { type: 'string', default: env.SHELFWIRE_URL ?? 'http://127.0.0.1:8080/' }, user: { type: 'string', default: env.SHELFWIRE_USER ?? 'admin' },
    password: { type: 'string', default: env.SHELFWIRE_PASSWORD ?? '' }, screenshots: { type: 'string' }, deadline: { type: 'string', default: '60' },
  },
});
const base = options.url.replace(/\/?$/, '/');
const deadline = Number(options.deadline) * 1000;
const browserPath = env.CHROMIUM ?? '/usr/bin/chromium';
const browserFlags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

const started = Date.now();
export const say = (text) => console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${text}`);

export class Operator {
  constructor(context, page, name) { Object.assign(this, { context, page, name, problems: [] }); }

  static async logIn(browser, name, device, as = options) {
    const context = await browser.newContext({ locale: 'en-GB', ...device });
    const operator = new Operator(context, await context.newPage(), name);
    operator.page.setDefaultTimeout(deadline);
    operator.page.on('pageerror', (error) => operator.problems.push(error.message));
    await operator.page.goto(base);
    await operator.page.getByLabel('User').fill(as.user);
    await operator.page.getByLabel('Password').fill(as.password);
    await operator.shoot('login');
    await operator.page.getByRole('button', { name: 'Log in' }).click();
    const refused = operator.page.locator('.login-form [role=alert]');
    await operator.page.locator('.hero').or(refused).first().waitFor();
    if (await refused.count()) throw new Error(`log-in refused: ${await refused.innerText()}`);
    await operator.page.evaluate(() => { window.sinceLogin = true; });
    return operator;
  }
  // Fails if the page was loaded anew since the login.
  async neverReloaded() {
    assert.equal(await this.page.evaluate(() => window.sinceLogin), true, 'the page was reloaded');
  }
  async visit(hash) {
    await this.page.evaluate((to) => { location.hash = to; }, hash);
  }
  get(path) {
    return this.page.evaluate(async (p) => {
      const answer = await fetch(`/api/v1${p}`);
      if (!answer.ok) throw new Error(`${p}: HTTP ${answer.status} ${await answer.text()}`);
      return answer.json();
    }, path);
  }
  // The pixels of a picture, asked for anew (by a plain address the browser would show the one it has).
  pixels(path) {
    return this.page.evaluate(async (p) => {
      const answer = await fetch(`/api/v1${p}`, { cache: 'no-store' });
      if (!answer.ok) throw new Error(`${p}: HTTP ${answer.status}`);
      if (answer.headers.get('Content-Type') !== 'image/png') return answer.text();  // the development fixture draws SVG
      const image = await createImageBitmap(await answer.blob());
      const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
      const context = canvas.getContext('2d');
      context.drawImage(image, 0, 0);
      return `${canvas.width}x${canvas.height} ${Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data).join()}`;
    }, path);
  }
  async shoot(name) {
    if (!options.screenshots) return;
    await this.page.waitForTimeout(350);  // pictures and transitions; only for the screenshot's looks
    await this.page.screenshot({ path: join(options.screenshots, `${this.name}-${name}.png`) });
  }
}

export async function until(what, check) {
  const end = Date.now() + deadline;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${deadline / 1000} s: ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

export async function boundTag(operator) {
  const page = await operator.get('/tags?state=shown&bound=true&limit=50');
  const counts = {};
  for (const tag of page.items) for (const p of tag.products) counts[p.id] = (counts[p.id] ?? 0) + 1;
  const tag = page.items.find((t) => t.products.length === 1 && counts[t.products[0].id] === 1);
  assert.ok(tag, 'no bound tag shows what it should');
  return { tag, product: await operator.get(`/stores/${tag.store}/products/${tag.products[0].id}`) };
}

// Runs `work` with a browser of its own; a failure is one line on stderr and exit code 1.
export async function withBrowser(work) {
  if (options.screenshots) mkdirSync(options.screenshots, { recursive: true });
  const profile = mkdtempSync(join(tmpdir(), 'shelfwire-web-'));
  let browser = null;
  try {
    assert.ok(existsSync(browserPath), `no browser at ${browserPath} (set CHROMIUM)`);
    browser = await chromium.launch({ executablePath: browserPath, args: [...browserFlags, `--disk-cache-dir=${profile}`] });
    await work(browser);
  } catch (error) {
    console.error(`web test: ${error.message}`);
    process.exitCode = 1;
  } finally {
    await browser?.close();
    rmSync(profile, { recursive: true, force: true });
  }
}
