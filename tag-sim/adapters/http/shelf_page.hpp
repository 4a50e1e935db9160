// The page at "/": every tag with its real screen, kept up to date by asking GET /tags.
#pragma once

#include <string_view>

namespace esl::sim::web {

inline constexpr std::string_view kShelfPage = R"html(<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Simulated shelf</title>
<style>
:root{color-scheme:light dark;--line:#8884}
body{font:15px/1.4 system-ui,sans-serif;margin:1.5rem}
h1{font-size:1.2rem;margin:0 0 .2rem} p{margin:0 0 1rem;opacity:.75}
main{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-end}
figure{margin:0;padding:.6rem;border:1px solid var(--line);border-radius:10px}
figure.dead{opacity:.4} img{display:block;image-rendering:pixelated;border:1px solid var(--line);max-width:90vw}
figcaption{font-size:.75rem;margin-top:.4rem;display:flex;gap:.6em;justify-content:space-between}
.refreshing img{filter:invert(1)} .receiving{outline:2px solid #2a7ae2}
.led{display:inline-block;width:.7em;height:.7em;border-radius:50%}
</style>
<h1>Simulated shelf</h1><p id="sum">…</p><main id="shelf"></main>
<script>
const shelf = document.getElementById('shelf'), seen = new Map(), colours = ['transparent','#e33','#2b2','#cb0','#36f','#c3c','#0bb','#fff'];
function draw(t) {
  let f = seen.get(t.id);
  if (!f) {
    f = document.createElement('figure');
    f.innerHTML = '<img alt=""><figcaption><span></span><span></span></figcaption>';
    const img = f.querySelector('img');
    img.width = Math.min(t.width, 400); img.alt = 'screen of ' + t.id;
    seen.set(t.id, f); shelf.append(f);
  }
  const at = t.shown_at + '/' + t.shown_image;
  if (f.dataset.at !== at) { f.dataset.at = at; f.querySelector('img').src = '/tags/' + t.id + '.png?' + encodeURIComponent(at); }
  f.className = t.state;
  const [left, right] = f.querySelectorAll('span');
  left.textContent = t.id; right.textContent = t.state + ' · ' + t.battery_mv + ' mV';
  const led = document.createElement('i'); led.className = 'led'; led.style.background = colours[t.led]; right.append(' ', led);
}
async function tick() {
  try {
    const {tags} = await (await fetch('/tags')).json();
    tags.forEach(draw);
    const n = s => tags.filter(t => t.state === s).length;
    document.getElementById('sum').textContent =
      `${tags.length} tags: ${n('receiving')} receiving, ${n('refreshing')} refreshing, ${n('dead')} dead`;
  } catch (e) { document.getElementById('sum').textContent = 'the simulator does not answer'; }
  setTimeout(tick, 1000);
}
tick();
</script></html>
)html";

}  // namespace esl::sim::web
