// Development aid, not part of the product: answers ../../openapi.yaml from memory and serves dist/, so that the page can
// be worked on alone. usage: node dev/fixture_server.mjs [--port N]   (user admin, password shelfwire-dev)
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { picture } from './picture.mjs';
import { createWorld, uuid7 } from './world.mjs';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const port = Number(process.argv[process.argv.indexOf('--port') + 1] || 5180);
const listeners = new Set();
let eventId = 0;
const emit = (event, data) => { eventId++; for (const r of listeners) r.write(`id: ${eventId}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`); };
const world = createWorld(emit);
const csrf = 'dev-csrf-token';
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

class Refusal extends Error { constructor(status, type, detail) { super(detail); this.status = status; this.type = type; } }
const refuse = (status, type, detail) => { throw new Refusal(status, type, detail); };
const page = (all, q) => {
  const limit = Number(q.get('limit') ?? 100);
  const from = Number(q.get('cursor') ?? 0);
  return { items: all.slice(from, from + limit), next: from + limit < all.length ? String(from + limit) : null, total: all.length };
};
const session = () => ({ user: world.users[0], csrf_token: csrf, expires_at: Date.now() + 8 * 3600e3, service: { version: '0.1.0-dev', now: Date.now(), test_clock: false } });
const body = async (req) => { let s = ''; for await (const c of req) s += c; return s ? JSON.parse(s) : {}; };
const tagOr404 = (id) => world.tags.get(id) ?? refuse(404, 'not-found', `no tag ${id}`);
const productOr404 = (id) => world.products.get(id.padStart(14, '0')) ?? world.products.get(id) ?? refuse(404, 'not-found', `no product ${id}`);

function stats() {
  const tags = [...world.tags.values()];
  const n = (s) => tags.filter((t) => t.state === s).length;
  const wanted = n('shown') + n('pending') + n('failed');
  const failed = tags.filter((t) => t.failure);
  const late = tags.filter((t) => t.late);
  return {
    now: Date.now(), tags: { total: tags.length, bound: tags.filter((t) => t.products.length).length, shown: n('shown'), pending: n('pending'), failed: n('failed'), unknown: n('unknown') },
    shown_percent: Math.floor((n('shown') / wanted) * 1000) / 10, late: { count: late.length, oldest: late[0]?.desired.at ?? null },
    failed: { count: failed.length, by_class: failed.reduce((o, t) => ({ ...o, [t.failure.class]: (o[t.failure.class] ?? 0) + 1 }), {}) },
    aps: { online: 2, offline: 0, unclaimed: 1 }, batteries: { low: tags.filter((t) => t.battery.low).length, unknown: 0 },
    changes: { running: world.changes.filter((c) => c.state === 'running').length, scheduled: 0, awaiting_approval: world.changes.filter((c) => c.state === 'awaiting_approval').length }, last_hour: { displayed: 512, failed: 6, p50_ms: 3100, p99_ms: 6900 }, minutes: world.minutes,
  };
}

async function importRows(req, res, q) {
  res.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  const dry = q.get('dry_run') === 'true';
  const totals = { rows: 0, created: 0, updated: 0, unchanged: 0, rejected: 0, reasons: {}, dry_run: dry, change: null };
  const touched = [];
  let columns = null;
  for await (const line of createInterface({ input: req })) {
    const cells = line.replace(/^\ufeff/, '').split(/[,;\t]/);
    if (!columns) { columns = cells; continue; }
    const row = Object.fromEntries(columns.map((c, i) => [c, cells[i] ?? '']));
    const v = { row: ++totals.rows, verdict: 'created', product: null };
    const digits = row.barcode ?? '';
    const padded = digits.padStart(14, '0');
    const sum = [...padded.slice(0, 13)].reduce((s, d, i) => s + Number(d) * (i % 2 ? 1 : 3), 0);
    const check = (10 - (sum % 10)) % 10;
    if (!/^\d+$/.test(digits)) Object.assign(v, { verdict: 'rejected', reason: 'bad_code', detail: `barcode "${digits}"` });
    else if (digits.length < 8) Object.assign(v, { verdict: 'rejected', reason: 'short_code', detail: `barcode ${digits}: ${digits.length} digits` });
    else if (check !== Number(padded[13])) Object.assign(v, { verdict: 'rejected', reason: 'bad_check_digit', detail: `barcode ${digits}: check digit is ${padded[13]}, should be ${check}` });
    else {
      v.product = padded;
      const had = world.products.get(padded);
      const minor = row.price ? Math.round(Number(row.price.replace(',', '.')) * 100) : had?.price?.minor ?? null;
      v.verdict = !had ? 'created' : had.price?.minor === minor ? 'unchanged' : 'updated';
      if (!dry && v.verdict !== 'unchanged') {
        world.products.set(padded, { store: 'zagreb-1', code_kind: 'gtin', promotion: null, url: null, brand: '', quantity: null, unit: null, ...had, id: padded, name: row.name || had?.name, version: 1, updated_at: Date.now(), price: minor === null ? null : { minor, currency: 'EUR' } });
        touched.push(padded);
      }
    }
    totals[v.verdict]++;
    if (v.reason) totals.reasons[v.reason] = (totals.reasons[v.reason] ?? 0) + 1;
    res.write(`${JSON.stringify(v)}\n`);
    if (totals.rows % 40 === 0) await new Promise((r) => setTimeout(r, 15));
  }
  if (touched.length) totals.change = world.makeChange('import', q.get('title') ?? '', 'user:admin', touched).id;
  res.end(`${JSON.stringify({ summary: totals })}\n`);
}

const rule = (store) => world.rules.get(store ?? '') ?? { store: store ?? null, inherits: !!store, max_up_percent: null, max_down_percent: null, max_items: null, role: 'store_manager', version: 0 };

function createChange(store, input) {
  const items = input.items.map((i) => {
    const p = productOr404(i.product);
    const before = { price: p.price, promotion: p.promotion };
    if (i.price) p.price = i.price;
    if (i.promotion !== undefined) p.promotion = i.promotion && { prior_price: before.price, ...i.promotion };
    p.version++;
    return { product: p.id, name: p.name, before, after: { price: p.price, promotion: p.promotion }, reasons: [] };
  });
  const c = world.makeChange('price', input.title, 'user:admin', items.map((i) => i.product), items, input.at ?? Date.now());
  for (const i of items) emit('product', world.productOut(world.products.get(i.product)));
  return world.changeOut(c);
}

const routes = [
  ['POST', /^\/auth\/login$/, async (m, q, req, res) => { const b = await body(req); if (b.password !== 'shelfwire-dev') refuse(401, 'unauthenticated', 'wrong name or password'); res.setHeader('Set-Cookie', 'shelfwire_session=dev; Path=/; HttpOnly; SameSite=Strict'); world.log(`user:${b.user}`, 'session.login', `user:${b.user}`, { source: '127.0.0.1' }); return session(); }],
  ['POST', /^\/auth\/logout$/, (m, q, req, res) => { res.setHeader('Set-Cookie', 'shelfwire_session=; Path=/; Max-Age=0'); return null; }],
  ['GET', /^\/auth\/me$/, () => session()],
  ['GET', /^\/users$/, () => ({ items: world.users })],
  ['POST', /^\/users$/, async (m, q, req) => { const { password, ...u } = await body(req); const made = { ...u, disabled: false, created_at: Date.now(), last_login_at: null }; world.users.push(made); return made; }],
  ['GET', /^\/tokens$/, () => ({ items: world.tokens })],
  ['POST', /^\/tokens$/, async (m, q, req) => { const made = { id: uuid7(), stores: [], created_at: Date.now(), created_by: 'user:admin', last_used_at: null, expires_at: null, ...(await body(req)) }; world.tokens.push(made); return { ...made, secret: 'swt_0123456789abcdef0123456789abcdef' }; }],
  ['DELETE', /^\/tokens\/(.+)$/, (m) => { world.tokens = world.tokens.filter((t) => t.id !== m[1]); return null; }],
  ['GET', /^\/stores$/, () => ({ items: world.stores })],
  ['GET', /^\/aps$/, () => ({ items: world.aps })],
  ['PATCH', /^\/aps\/(.+)$/, async (m, q, req) => { const ap = world.aps.find((a) => a.id === m[1]); Object.assign(ap, await body(req)); emit('ap', ap); return ap; }],
  ['POST', /^\/aps\/(.+)\/permit-join$/, () => null],
  ['GET', /^\/tags$/, (m, q) => {
    const text = (q.get('q') ?? '').toLowerCase();
    return page([...world.tags.values()].filter((t) => (!q.get('store') || t.store === q.get('store')) && (!q.get('state') || t.state === q.get('state')) && (!q.get('ap') || t.ap === q.get('ap')) && (!q.get('late') || t.late)
      && (!q.get('low_battery') || t.battery.low) && (q.get('bound') !== 'false' || !t.products.length) && (!text || `${t.id} ${t.position} ${t.products.map((p) => `${p.name} ${p.id}`).join()}`.toLowerCase().includes(text))), q);
  }],
  ['GET', /^\/tags\/([^/]+)$/, (m) => tagOr404(m[1])],
  ['GET', /^\/tags\/([^/]+)\/(wanted|shown)\.png$/, (m, q, req, res) => {
    const t = tagOr404(m[1]);
    const id = q.get('image') || (m[2] === 'wanted' ? t.desired?.image : t.reported?.image);
    const p = world.pictures.get(id) ?? refuse(404, 'not-found', 'no picture');
    res.writeHead(200, { 'Content-Type': 'image/svg+xml' }).end(picture(p.panel, p.view));
  }],
  ['PUT', /^\/tags\/([^/]+)\/binding$/, async (m, q, req) => { const t = tagOr404(m[1]); const b = await body(req); const p = productOr404(b.products[0]); t.products = [{ id: p.id, name: p.name }]; t.position = b.position ?? ''; world.log('user:admin', 'tag.bind', `tag:${t.id}`, { tag: t.id }); world.makeChange('binding', '', 'user:admin', [p.id]); return t; }],
  ['DELETE', /^\/tags\/([^/]+)\/binding$/, (m) => { const t = tagOr404(m[1]); t.products = []; t.desired = null; t.state = 'unknown'; emit('tag', t); return t; }],
  ['POST', /^\/tags\/([^/]+)\/led$/, (m) => { world.log('user:admin', 'tag.led', `tag:${m[1]}`, { tag: m[1] }); return null; }],
  ['GET', /^\/stores\/([^/]+)\/products$/, (m, q) => {
    const words = (q.get('q') ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    return page([...world.products.values()].filter((p) => p.store === m[1]).map(world.productOut).filter((p) => words.every((x) => `${p.name} ${p.brand} ${p.id} ${p.id.replace(/^0+/, '')}`.toLowerCase().includes(x))
      && (q.get('bound') === null || (q.get('bound') === 'true') === p.tags.length > 0) && (!q.get('promotion') || p.promotion)), q);
  }],
  ['GET', /^\/stores\/([^/]+)\/products\/([^/]+)$/, (m) => world.productOut(productOr404(m[2]))],
  ['GET', /^\/stores\/([^/]+)\/products\/([^/]+)\/preview\.png$/, (m, q, req, res) => {
    const n = (k) => (q.get(k) === null ? undefined : Number(q.get(k)));
    res.writeHead(200, { 'Content-Type': 'image/svg+xml' }).end(picture(q.get('panel'), world.view(productOr404(m[2]), n('price'), n('promo_price'))));
  }],
  ['POST', /^\/stores\/([^/]+)\/products:import$/, (m, q, req, res) => importRows(req, res, q)],
  ['GET', /^\/changes$/, (m, q) => page(world.changes.filter((c) => !q.get('state') || c.state === q.get('state')).map(world.changeOut), q)],
  ['POST', /^\/stores\/([^/]+)\/changes$/, async (m, q, req) => createChange(m[1], await body(req))],
  ['GET', /^\/changes\/([^/]+)$/, (m) => { const c = world.changes.find((x) => x.id === m[1]) ?? refuse(404, 'not-found', 'no such change'); return { ...world.changeOut(c), items: c.items, steps: c.steps }; }],
  ['POST', /^\/changes\/([^/]+)\/cancel$/, (m) => { const c = world.changes.find((x) => x.id === m[1]); c.state = 'cancelled'; emit('change', world.changeOut(c)); return world.changeOut(c); }],
  ['GET', /^(?:\/stores\/([^/]+))?\/approval-rule$/, (m) => rule(m[1])],
  ['PUT', /^(?:\/stores\/([^/]+))?\/approval-rule$/, async (m, q, req) => { const next = { ...rule(m[1]), inherits: false, max_up_percent: null, max_down_percent: null, max_items: null, ...(await body(req)) }; next.version++; world.rules.set(m[1] ?? '', next); return next; }],
  ['GET', /^\/jobs$/, (m, q) => page([...world.jobs.values()].reverse().filter((j) => (!q.get('change') || j.change === q.get('change')) && (!q.get('tag') || j.tag === q.get('tag')) && (!q.get('state') || j.state === q.get('state'))), q)],
  ['GET', /^\/jobs\/(.+)$/, (m) => world.jobs.get(m[1]) ?? refuse(404, 'not-found', 'no such job')],
  ['GET', /^\/audit\/entries$/, (m, q) => page(world.audit.map((a) => a.entry).reverse().filter((e) => ['tag', 'change', 'job'].every((k) => !q.get(k) || e[k] === q.get(k)) && (!q.get('action') || e.action === q.get('action') || e.action.startsWith(`${q.get('action')}.`)) && (!q.get('object') || e.object.includes(q.get('object'))) && (!q.get('to') || e.at < Number(q.get('to')))), q)],
  ['GET', /^\/audit\/entries\/(\d+)$/, (m) => (world.audit[Number(m[1])] ? world.proof(Number(m[1])) : refuse(404, 'not-found', 'no such entry'))],
  ['GET', /^\/stats$/, () => stats()],
  ['GET', /^\/events$/, (m, q, req, res) => { res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' }); res.write(': hello\n\n'); listeners.add(res); req.on('close', () => listeners.delete(res)); }],
];

createServer(async (req, res) => {
  const url = new URL(req.url, 'http://localhost');
  if (!url.pathname.startsWith('/api/v1')) {
    const file = join(dist, normalize(url.pathname === '/' ? '/index.html' : url.pathname));
    if (!file.startsWith(dist) || !existsSync(file)) return res.writeHead(404).end();
    res.writeHead(200, { 'Content-Type': types[extname(file)] ?? 'application/octet-stream', 'Cache-Control': 'no-store', 'Content-Security-Policy': "default-src 'self'; img-src 'self' data:" });
    return createReadStream(file).pipe(res);
  }
  try {
    const path = decodeURIComponent(url.pathname.slice(7));
    const found = routes.map(([method, pattern, run]) => [method === req.method && pattern.exec(path), run]).find(([m]) => m);
    if (!found) refuse(404, 'not-found', `${req.method} ${path}`);
    if (path !== '/auth/login' && !/shelfwire_session=dev/.test(req.headers.cookie ?? '')) refuse(401, 'unauthenticated', 'log in first');
    if (path !== '/auth/login' && req.method !== 'GET' && req.headers['x-csrf-token'] !== csrf) refuse(403, 'csrf', 'X-CSRF-Token');
    const answer = await found[1](found[0], url.searchParams, req, res);
    if (answer === null) res.writeHead(204).end();
    else if (answer !== undefined) res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
  } catch (e) {
    if (!(e instanceof Refusal)) console.error(e);
    if (!res.headersSent) res.writeHead(e.status ?? 500, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify({ type: `urn:shelfwire:problem:${e.type ?? 'internal'}`, title: e.type ?? 'internal', status: e.status ?? 500, detail: e.message }));
  }
}).listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}/`));
