// Development aid: a shop that lives in memory, with the shapes of ../../openapi.yaml, so that the page can be worked on
// without the service. Times, failures and battery figures are made up here and nowhere else.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const sha = (...parts) => parts.reduce((h, p) => h.update(p), createHash('sha256')).digest();
export const uuid7 = () => {
  const b = randomBytes(16);
  b.writeUIntBE(Date.now(), 0, 6);
  b[6] = (b[6] & 15) | 0x70;
  b[8] = (b[8] & 63) | 0x80;
  const h = b.toString('hex');
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
};
const gtin = (n) => {
  const body = `385${String(n).padStart(9, '0')}`;
  const sum = [...body].reduce((s, d, i) => s + Number(d) * (i % 2 ? 3 : 1), 0);
  return `0${body}${(10 - (sum % 10)) % 10}`;
};
const names = ['Nektar jabuka', 'Mlijeko svježe 3,2 %', 'Kava mljevena', 'Maslac', 'Jogurt čvrsti', 'Kruh raženi', 'Špageti n.5', 'Rajčica pelat', 'Tuna u maslinovu ulju', 'Čokolada lješnjak', 'Keksi maslac', 'Mineralna voda', 'Sok naranča 100 %', 'Sir gauda narezani', 'Šunka kuhana', 'Riža arborio', 'Med livada', 'Marmelada marelica', 'Deterdžent tekući', 'Toaletni papir 10/1'];
const brands = ['Bravo', 'Dolina', 'Franko', 'Alpska', 'Zora', 'Klas'];
const panels = ['296x128-bwr', '296x128-bwr', '250x122-bwry', '400x300-bwr', '212x104-bwr', '296x128-bw'];
const money = (minor) => ({ minor, currency: 'EUR' });

export function createWorld(emit) {
  const w = {
    users: [{ name: 'admin', role: 'chain_admin', stores: [], disabled: false, created_at: Date.now(), last_login_at: Date.now() }],
    tokens: [], stores: [], aps: [], tags: new Map(), products: new Map(), changes: [], jobs: new Map(), audit: [], pictures: new Map(), rules: new Map(),
  };
  const keys = generateKeyPairSync('ed25519');
  const publicRaw = keys.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const origin = 'shelfwire/dev';
  const keyId = sha(`${origin}\n`, Buffer.from([1]), publicRaw).subarray(0, 4);
  const verifier = `${origin}+${keyId.toString('hex')}+${Buffer.concat([Buffer.from([1]), publicRaw]).toString('base64')}`;

  w.log = (actor, action, object, more = {}) => {
    const entry = { at: Date.now(), actor, action, object, ...more };
    const canonical = JSON.stringify(Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1))));
    w.audit.push({ canonical, leaf: sha(Buffer.from([0]), canonical), entry: { index: w.audit.length, ...entry } });
    emit('audit', w.audit.at(-1).entry);
  };
  const split = (n) => { let k = 1; while (k * 2 < n) k *= 2; return k; };
  const root = (leaves) => (leaves.length === 0 ? sha('') : leaves.length === 1 ? leaves[0] : sha(Buffer.from([1]), root(leaves.slice(0, split(leaves.length))), root(leaves.slice(split(leaves.length)))));
  const path = (i, leaves) => {
    if (leaves.length <= 1) return [];
    const k = split(leaves.length);
    return i < k ? [...path(i, leaves.slice(0, k)), root(leaves.slice(k))] : [...path(i - k, leaves.slice(k)), root(leaves.slice(0, k))];
  };
  w.checkpoint = () => {
    const text = `${origin}\n${w.audit.length}\n${root(w.audit.map((a) => a.leaf)).toString('base64')}\n`;
    return `${text}\n\u2014 ${origin} ${Buffer.concat([keyId, sign(null, Buffer.from(text), keys.privateKey)]).toString('base64')}\n`;
  };
  w.proof = (i) => ({
    entry: w.audit[i].entry, canonical: w.audit[i].canonical, leaf_hash: w.audit[i].leaf.toString('base64'), tree_size: w.audit.length,
    proof: path(i, w.audit.map((a) => a.leaf)).map((h) => h.toString('base64')), checkpoint: w.checkpoint(), verifier_key: verifier,
  });

  const promoHolds = (p) => p.promotion && p.promotion.from <= Date.now() && Date.now() < p.promotion.to;
  w.view = (p, price, promo) => ({
    id: p.id, name: p.name, sub: `${p.brand} ${p.quantity ?? ''} ${p.unit ?? ''}`, price: price ?? p.price?.minor ?? null,
    promo: promo === 0 ? null : promo ?? (promoHolds(p) ? p.promotion.price.minor : null), prior: p.promotion?.prior_price?.minor ?? p.price?.minor ?? null,
  });
  const imageOf = (panel, view) => {
    const id = sha(panel, JSON.stringify(view)).subarray(0, 4).toString('hex').toUpperCase();
    w.pictures.set(id, { panel, view });
    return id;
  };
  w.productOut = (p) => ({
    ...p, price_now: promoHolds(p) ? p.promotion.price : p.price,
    unit_price: p.price && p.quantity ? { ...money(Math.round(p.price.minor / Number(p.quantity))), per: `1 ${p.unit}` } : null,
    tags: [...w.tags.values()].filter((t) => t.products.some((x) => x.id === p.id)).map((t) => ({ id: t.id, panel: t.panel, state: t.state })),
  });

  w.makeChange = (kind, title, actor, touched, items = [], at = Date.now()) => {
    const c = { id: uuid7(), store: 'zagreb-1', state: at > Date.now() ? 'scheduled' : 'running', kind, title, created_at: Date.now(), created_by: actor, at, finished_at: null, items_total: items.length || touched.length, jobs_total: 0, counts: {}, timings: { p50_ms: null, p99_ms: null }, items, times: [], steps: [], version: 1, authors: [actor], approval: null };
    c.steps.push({ state: c.state, action: 'create', at: Date.now(), actor });
    w.changes.unshift(c);
    w.log(actor, 'change.create', `change:${c.id}`, { store: c.store, change: c.id, after: { title, items: items.length } });
    const tags = [...w.tags.values()].filter((t) => t.products.some((x) => touched.includes(x.id)));
    if (c.state === 'running') for (const t of tags) w.want(t, c, actor);
    settle(c);
    emit('change', w.changeOut(c));
    return c;
  };
  w.changeOut = ({ items, times, steps, ...c }) => c;
  w.want = (t, c, actor) => {
    const p = w.products.get(t.products[0]?.id);
    const image = imageOf(t.panel, p ? w.view(p) : null);
    if (t.desired?.image === image) return;
    t.desired = { version: (t.desired?.version ?? 0) + 1, image, at: Date.now(), not_before: Date.now(), expires: null, change: c.id };
    t.state = 'pending';
    const job = { id: uuid7(), change: c.id, store: c.store, tag: t.id, ap: t.ap, version: t.desired.version, image, state: 'new', failure: null, attempts: 0, created_at: Date.now(), updated_at: Date.now(), steps: [] };
    w.jobs.set(job.id, job);
    c.jobs_total++;
    c.counts.new = (c.counts.new ?? 0) + 1;
    job.steps.push({ state: 'new', at: Date.now(), actor });
    emit('tag', t);
    const ap = `ap:${t.ap}`;
    const dead = t.id.endsWith('7') && t.id.at(-2) < '3';
    let wait = 0;
    for (const [state, ms, who] of [['queued', 10, 'service'], ['sent', 40, 'service'], ['accepted', 60, ap], ['transferring', 500 + Math.random() * 2500, ap], [dead ? 'failed' : 'displayed', 900 + Math.random() * 2500, ap]]) {
      wait += ms;
      setTimeout(() => step(job, t, c, state, who), wait);
    }
  };
  function step(job, t, c, state, actor) {
    if (job.state === 'superseded' || c.state === 'cancelled') return;
    if (t.desired.version > job.version) state = 'superseded';
    c.counts[job.state]--;
    c.counts[state] = (c.counts[state] ?? 0) + 1;
    job.state = state;
    job.updated_at = Date.now();
    job.steps.push({ state, at: Date.now(), actor });
    if (state === 'displayed') {
      t.reported = { version: job.version, image: job.image, at: Date.now() };
      t.state = 'shown';
      t.failure = null;
      c.times.push(Date.now() - c.created_at);
    }
    if (state === 'failed') {
      job.attempts = 3;
      t.failure = job.failure = { class: 'unreachable', code: null, detail: 'no answer in 3 connection attempts', at: Date.now(), attempts: 3 };
      t.state = 'failed';
      t.late = true;
    }
    if (['displayed', 'failed', 'sent'].includes(state)) w.log(actor, `job.${state}`, `tag:${t.id}`, { store: c.store, change: c.id, job: job.id, tag: t.id, after: { version: job.version, image: job.image } });
    const { steps, ...short } = job;
    emit('job', short);
    emit('tag', t);
    settle(c);
    emit('change', w.changeOut(c));
  }
  function settle(c) {
    const n = (s) => c.counts[s] ?? 0;
    const sorted = [...c.times].sort((a, b) => a - b);
    if (sorted.length) c.timings = { p50_ms: sorted[Math.floor(sorted.length / 2)], p99_ms: sorted[Math.floor(sorted.length * 0.99)] };
    if (c.state === 'running' && n('displayed') + n('failed') + n('superseded') === c.jobs_total) {
      c.state = n('failed') ? 'partly_failed' : 'done';
      c.finished_at = Date.now();
      c.steps.push({ state: c.state, action: 'finish', at: Date.now(), actor: 'service' });
    }
  }

  w.stores.push({ id: 'zagreb-1', name: 'Zagreb Centar', currency: 'EUR', locale: 'hr-HR', products: 0, tags: 0, aps: 2, created_at: Date.now() }, { id: 'split-2', name: 'Split Luka', currency: 'EUR', locale: 'hr-HR', products: 0, tags: 0, aps: 0, created_at: Date.now() });
  for (const [serial, radio, name] of [['B827EB010203', 'bluez', 'Aisle 3'], ['B827EB0A0B0C', 'znp', 'Cold room']]) {
    w.aps.push({ id: `GID_esl_ap@@@${serial}`, store: 'zagreb-1', name, online: true, since: Date.now() - 7200000, model: 'generic-x86', version: '0.1.0', radios: [radio], tags: 70, queue: 0, permit_join_until: null, last_seen: Date.now() });
  }
  w.aps.push({ id: 'GID_esl_ap@@@B827EBFFEE01', store: null, name: '', online: true, since: Date.now() - 60000, model: 'generic-x86', version: '0.1.0', radios: ['bluez'], tags: 0, queue: 0, permit_join_until: null, last_seen: Date.now() });
  for (let i = 0; i < 240; i++) {
    const id = gtin(100 + i * 7);
    w.products.set(id, { id, store: 'zagreb-1', code_kind: 'gtin', name: `${names[i % names.length]}${i >= 20 ? ` ${['mini', 'obiteljski', 'bio', 'premium'][i % 4]}` : ''}`, brand: brands[i % 6], quantity: ['1.00', '0.50', '0.25'][i % 3], unit: ['l', 'kg'][i % 2], price: money(79 + ((i * 137) % 1900)), promotion: null, url: null, version: 1, updated_at: Date.now() });
  }
  [...w.products.values()].forEach((p, i) => { if (i % 11 === 3) p.promotion = { price: money(Math.round(p.price.minor * 0.8)), prior_price: p.price, from: Date.now() - 86400000, to: Date.now() + 5 * 86400000 }; });
  w.log('service', 'log.open', 'service');
  const products = [...w.products.values()];
  for (let i = 0; i < 140; i++) {
    const ble = i < 70;
    const id = ble ? `FFFF9210${(0x3a00 + i).toString(16).toUpperCase().padStart(4, '0')}` : `00124B0001${(0x020300 + i).toString(16).toUpperCase().padStart(6, '0')}`;
    const p = products[i];
    const bound = i < 134;
    const t = { id, store: 'zagreb-1', ap: w.aps[ble ? 0 : 1].id, radio: ble ? 'bluez' : 'znp', model: ble ? 'gicisky-0033' : 'price-display', panel: panels[i % panels.length], state: 'unknown', late: false, failure: null, desired: null, next: null, reported: null, products: bound ? [{ id: p.id, name: p.name }] : [], template: null, position: bound ? `A${1 + (i % 5)}-${1 + (i % 4)}-${String(1 + (i % 12)).padStart(2, '0')}` : '', battery: { percent: i % 23 === 5 ? 9 : 40 + ((i * 29) % 60), millivolts: 2500 + ((i * 31) % 500), low: i % 23 === 5, at: Date.now() }, rssi: -45 - ((i * 13) % 45), firmware: '8101', first_seen: Date.now() - 1e8, last_seen: Date.now() - i * 700 };
    w.tags.set(id, t);
    if (!bound) continue;
    const image = imageOf(t.panel, w.view(p));
    t.desired = { version: 3, image, at: Date.now() - 3600000, not_before: Date.now() - 3600000, expires: null, change: null };
    if (i % 37 === 11) {
      const old = { ...w.view(p), promo: null, price: p.price.minor + 30 };
      t.reported = { version: 2, image: imageOf(t.panel, old), at: Date.now() - 86400000 };
      t.state = 'failed';
      t.late = true;
      t.failure = { class: i % 2 ? 'unreachable' : 'low_battery', code: i % 2 ? null : 241, detail: i % 2 ? 'no answer in 6 connection attempts' : 'the tag refused to refresh at 2.21 V', at: Date.now() - 300000, attempts: 6 };
    } else {
      t.reported = { version: 3, image, at: Date.now() - 3590000 + i * 50 };
      t.state = 'shown';
    }
  }
  w.stores[0].products = 240;
  w.stores[0].tags = 140;
  w.minutes = Array.from({ length: 60 }, (_, i) => ({ at: Date.now() - (60 - i) * 60000, displayed: Math.max(0, Math.round(18 * Math.sin(i / 7) + 6 * Math.sin(i) + 8)), failed: i % 17 === 4 ? 2 : 0 }));
  return w;
}
