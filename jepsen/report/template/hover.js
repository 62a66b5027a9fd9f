'use strict';
(function () {
  const data = JSON.parse(document.getElementById('hover').textContent);
  const readout = document.getElementById('readout');
  const box = document.querySelector('#timeline .scroll');
  if (!box) return;
  const wide = box.querySelector('.wide');
  const track = wide.querySelector('.track');
  const cross = document.createElement('div');
  cross.id = 'cross';
  cross.hidden = true;
  wide.appendChild(cross);

  const figure = function (x) { return x >= 100 ? Math.round(x).toLocaleString('en') : x >= 10 ? x.toFixed(1) : x.toFixed(2); };
  const span = function (ms) { return ms >= 1000 ? figure(ms / 1000) + ' s' : figure(ms) + ' ms'; };

  function lines(t) {
    const i = Math.max(0, Math.min(data.p50.length - 1, Math.floor(t / data.width)));
    const out = [(t / 1000).toFixed(3) + ' s'];
    const lead = (data.lead || []).filter(function (l) { return l.at <= t; }).pop();
    if (lead) out.push(lead.node ? lead.node + ' leads, term ' + lead.term : 'no leader');
    data.classes.forEach(function (name, c) {
      const n = data.counts[c][i];
      if (n) out.push(figure(n * 1000 / data.width) + '/s ' + name);
    });
    if (data.p50[i] >= 0) out.push('p50 ' + span(data.p50[i]) + ', p99 ' + span(data.p99[i]) + ', max ' + span(data.max[i]));
    (data.faults || []).filter(function (f) { return f.from <= t && t <= Math.max(f.to, f.from + data.width); })
      .slice(0, 6).forEach(function (f) { out.push('⚡ ' + f.what); });
    return out;
  }

  function hide() { readout.hidden = cross.hidden = true; }

  box.addEventListener('pointermove', function (e) {
    const r = track.getBoundingClientRect();
    const share = (e.clientX - r.left) / r.width;
    const label = wide.querySelector('.label').getBoundingClientRect();
    if (share < 0 || share > 1 || e.clientX < label.right) return hide();
    readout.textContent = lines(share * data.span).join('\n');
    readout.hidden = cross.hidden = false;
    cross.style.left = (e.clientX - wide.getBoundingClientRect().left) + 'px';
    const w = readout.offsetWidth, h = readout.offsetHeight;
    readout.style.left = (e.clientX + 18 + w > innerWidth ? e.clientX - w - 18 : e.clientX + 18) + 'px';
    readout.style.top = Math.max(8, Math.min(e.clientY + 18, innerHeight - h - 8)) + 'px';
  });
  box.addEventListener('pointerleave', hide);

  // Widening keeps the middle of what one sees where it is.
  let middle = 0.5;
  box.addEventListener('scroll', function () { middle = (box.scrollLeft + box.clientWidth / 2) / box.scrollWidth; });
  document.querySelectorAll('#timeline .zoom').forEach(function (input) {
    input.addEventListener('change', function () {
      const keep = middle;
      requestAnimationFrame(function () { box.scrollLeft = keep * box.scrollWidth - box.clientWidth / 2; });
    });
  });
})();
