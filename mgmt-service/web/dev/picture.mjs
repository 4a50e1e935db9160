// Development aid: a tag's picture as SVG, roughly as the real renderer lays it out. Not the product's renderer.
const escape = (s) => s.replace(/[<>&"]/g, (c) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' })[c]);

export function picture(panel, view) {
  const [, w, h, palette] = /^(\d+)x(\d+)-(\w+)$/.exec(panel).map((x, i) => (i === 1 || i === 2 ? Number(x) : x));
  const accent = palette.includes('r') ? '#e02020' : palette.includes('y') ? '#f0c000' : '#000';
  const u = h / 128;
  const open = `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" font-family="sans-serif"><rect width="100%" height="100%" fill="#fff"/>`;
  if (!view) return `${open}<text x="50%" y="55%" font-size="${16 * u}" text-anchor="middle">Shelfwire</text></svg>`;
  const promo = view.promo !== null;
  const minor = String(promo ? view.promo : view.price ?? 0).padStart(3, '0');
  const whole = minor.slice(0, -2);
  const cents = minor.slice(-2);
  const size = 62 * u;
  const x = w - 14 * u;
  let bars = '';
  let at = 12 * u;
  for (const d of view.id) {
    bars += `<rect x="${at}" y="${h - 34 * u}" width="${(1 + (Number(d) % 3)) * u * 0.9}" height="${22 * u}"/>`;
    at += 5 * u;
  }
  return `${open}${promo ? `<rect width="100%" height="${24 * u}" fill="${accent}"/><text x="${10 * u}" y="${17 * u}" font-size="${14 * u}" font-weight="bold" fill="${palette === 'bw' ? '#fff' : '#fff'}">PROMOTION</text>` : ''}
<text x="${10 * u}" y="${(promo ? 43 : 22) * u}" font-size="${15 * u}">${escape(view.name.slice(0, Math.floor(w / (8.5 * u))))}</text>
<text x="${10 * u}" y="${(promo ? 59 : 39) * u}" font-size="${11 * u}">${escape(view.sub)}</text>
<text x="${x - 25 * u}" y="${112 * u}" font-size="${size}" font-weight="bold" text-anchor="end" letter-spacing="${-2 * u}" fill="${promo ? accent : '#000'}">${whole}</text>
<text x="${x}" y="${90 * u}" font-size="${28 * u}" font-weight="bold" text-anchor="end" fill="${promo ? accent : '#000'}">${cents}</text>
<text x="${x}" y="${112 * u}" font-size="${13 * u}" text-anchor="end">EUR</text>
${promo && view.prior !== null ? `<text x="${10 * u}" y="${82 * u}" font-size="${15 * u}">${(view.prior / 100).toFixed(2)}</text><path d="M${8 * u} ${80 * u}l${38 * u} ${-8 * u}" stroke="${accent}" stroke-width="2"/>` : ''}
<g>${bars}</g></svg>`;
}
