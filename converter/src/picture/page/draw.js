// Draws lines, bars, bands and ticks on a panel's canvas. Only what is visible is drawn; a mark of a loss,
// a retransmission, a timer or a state is never left out.

const colours = new Map();

/** The colour of a kind, from the style sheet. */
function colour(name) {
  if (!colours.has(name)) {
    const value = getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
    colours.set(name, value || "#888888");
  }
  return colours.get(name);
}

function scaler(u, axis) {
  const scale = u.scales[axis];
  const [start, length] = axis === "x" ? [u.bbox.left, u.bbox.width] : [u.bbox.top, u.bbox.height];
  if (axis === "x") {
    const factor = length / (scale.max - scale.min || 1);
    return (value) => start + (value - scale.min) * factor;
  }
  if (scale.distr === 3) {
    const low = Math.log10(scale.min);
    const factor = length / (Math.log10(scale.max) - low || 1);
    return (value) => start + length - (Math.log10(value) - low) * factor;
  }
  const factor = length / (scale.max - scale.min || 1);
  return (value) => start + length - (value - scale.min) * factor;
}

function drawLine(u, line, from, to) {
  const { level, first, last } = visibleLevel(line, from, to, u.bbox.width);
  const x = scaler(u, "x");
  const y = scaler(u, "y");
  const ctx = u.ctx;
  ctx.strokeStyle = ctx.fillStyle = colour(line.id);
  if (line.style === "dots") {
    const size = (last - first > u.bbox.width ? 1.5 : 3) * devicePixelRatio;
    for (let at = first; at < last; at++) ctx.fillRect(x(level.x[at]) - size / 2, y(level.y[at]) - size / 2, size, size);
    return;
  }
  drawSteps(ctx, line, level, first, last, x, y, x(Math.min(to, line.until)));
}

/**
 * A line of steps, which ends at the pixel `end`: for each column of pixels the span of its values, and between columns
 * the value that holds. Boxes are drawn many times faster than a path of so many corners.
 */
function drawSteps(ctx, line, level, first, last, x, y, end) {
  const thick = Math.max(1, Math.round(1.5 * devicePixelRatio));
  let column = NaN;
  let top = 0;
  let bottom = 0;
  let height = NaN;
  const flush = () => column === column && ctx.fillRect(column, top - thick / 2, thick, bottom - top + thick);
  const hold = (to) => height === height && to > column && ctx.fillRect(column, height - thick / 2, to - column, thick);
  for (let at = first; at < last; at++) {
    const px = Math.round(x(level.x[at]));
    const py = Math.round(y(level.y[at]));
    if (Number.isNaN(py)) {
      // The value is absent from here on.
      flush();
      hold(px);
      column = height = NaN;
      continue;
    }
    if (px !== column) {
      flush();
      hold(px);
      const from = height === height ? height : py;
      [column, top, bottom] = [px, Math.min(from, py), Math.max(from, py)];
    } else {
      top = Math.min(top, py);
      bottom = Math.max(bottom, py);
    }
    height = py;
  }
  flush();
  // A value holds until the next record says otherwise.
  hold(end);
}

/** Ranges of sequence numbers. Those that cover the same pixels are drawn once. */
function drawBars(u, bars, from, to, duration) {
  const x = scaler(u, "x");
  const y = scaler(u, "y");
  const ctx = u.ctx;
  const { level, first, last } = visibleBars(bars, from, to, u.bbox.width, duration);
  const width = (bars.is_mark ? 2.5 : 1.5) * devicePixelRatio;
  const least = (bars.is_mark ? 4 : 1.5) * devicePixelRatio;
  ctx.fillStyle = colour(bars.kind);
  let column = -1;
  let top = 0;
  let bottom = 0;
  const flush = () => {
    if (column < 0) return;
    const height = Math.max(bottom - top, least);
    ctx.fillRect(column - width / 2, (top + bottom - height) / 2, width, height);
  };
  for (let at = first; at < last; at++) {
    const px = Math.round(x(level.t[at]));
    const high = y(level.hi[at]);
    const low = y(level.lo[at]);
    if (px === column && high <= bottom + 0.5 && low >= top - 0.5) {
      top = Math.min(top, high);
      bottom = Math.max(bottom, low);
      continue;
    }
    flush();
    [column, top, bottom] = [px, high, low];
  }
  flush();
}

/** States that show wherever they are, however short. */
const BAD = new Set(["recovery", "timeout", "send_error", "missing"]);

function drawBands(u, rows, from, to) {
  const ctx = u.ctx;
  const height = u.bbox.height / Math.max(rows.length, 1);
  ctx.font = 11 * devicePixelRatio + "px system-ui, sans-serif";
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  rows.forEach((row, number) => {
    const top = u.bbox.top + number * height;
    for (const { left, right, state } of boxesOf(row, scaler(u, "x"), from, to, u.bbox)) {
      const width = Math.max(right - left, devicePixelRatio);
      ctx.fillStyle = colour(row.colours[state]);
      ctx.fillRect(left, top + 2, width, height - 4);
      if (width < 30 * devicePixelRatio) continue;
      const name = row.row === "limit" ? row.names[state].replaceAll("_", " ") : row.names[state];
      if (ctx.measureText(name).width + 8 * devicePixelRatio > width) continue;
      ctx.fillStyle = colour("on-state");
      ctx.fillText(name, left + 4 * devicePixelRatio, top + height / 2);
    }
  });
}

/**
 * The boxes of a row of states, in pixels. Of several states in one pixel a bad one shows, else the one that lasted
 * longest there. Bad ones come last, to be drawn over others.
 */
function boxesOf(row, x, from, to, bbox) {
  const boxes = [];
  const bad = [];
  const isBad = row.names.map((name) => BAD.has(name));
  const times = new Float64Array(row.names.length);
  let column = -1;
  const add = (left, right, state) => (isBad[state] ? bad : boxes).push({ left, right, state });
  const flush = () => {
    if (column < 0) return;
    let best = -1;
    times.forEach((time, state) => {
      if (time > 0 && (best < 0 || isBad[state] > isBad[best] || (isBad[state] === isBad[best] && time > times[best]))) best = state;
    });
    const last = boxes[boxes.length - 1];
    if (best >= 0 && last && last.state === best && last.right === column && !isBad[best]) last.right = column + 1;
    else if (best >= 0) add(column, column + 1, best);
    times.fill(0);
    column = -1;
  };
  // Spans of a row follow each other, so their ends are sorted as well.
  for (let at = lowerBound(row.end, from); at < row.start.length && row.start[at] <= to; at++) {
    const left = Math.max(x(row.start[at]), bbox.left);
    const right = Math.min(x(row.end[at]), bbox.left + bbox.width);
    if (right - left >= 2) {
      flush();
      add(Math.floor(left), Math.ceil(right), row.state[at]);
      continue;
    }
    const pixel = Math.floor(left);
    if (pixel !== column) flush();
    column = pixel;
    times[row.state[at]] += Math.max(row.end[at] - row.start[at], 1);
  }
  flush();
  return boxes.concat(bad);
}

/** A row of ticks for each kind of event. Ticks of one kind in one pixel are one mark. */
function drawTicks(u, ticks, from, to) {
  const x = scaler(u, "x");
  const ctx = u.ctx;
  const height = u.bbox.height / Math.max(ticks.kinds.length, 1);
  const visible = lowerBound(ticks.t, to + 1) - lowerBound(ticks.t, from);
  const withNames = visible < u.bbox.width / (6 * devicePixelRatio);
  const perPixel = (to - from) / u.bbox.width;
  const right = u.bbox.left + u.bbox.width;
  const nameOf = (event) => ticks.codes[ticks.code[event]].name;
  ctx.font = 10 * devicePixelRatio + "px system-ui, sans-serif";
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  ticks.byKind.forEach((events, kind) => {
    const top = u.bbox.top + kind * height;
    ctx.fillStyle = colour(ticks.kinds[kind].id);
    let named = -1;
    let at = firstFrom(events, ticks.t, from, 0);
    while (at < events.length && ticks.t[events[at]] <= to) {
      const px = Math.round(x(ticks.t[events[at]]));
      ctx.fillRect(Math.min(px, right - devicePixelRatio), top + 2, devicePixelRatio, height - 4);
      if (withNames) {
        const name = nameOf(events[at]);
        const after = at + 1 < events.length ? x(ticks.t[events[at + 1]]) : Infinity;
        const width = ctx.measureText(name).width + 6 * devicePixelRatio;
        if (px >= named && px + width < after) {
          ctx.fillStyle = colour("dim");
          ctx.fillText(name, px + 3 * devicePixelRatio, top + height / 2);
          ctx.fillStyle = colour(ticks.kinds[kind].id);
          named = px + width;
        }
        at++;
      } else {
        // The next one that lies in another pixel.
        at = firstFrom(events, ticks.t, u.scales.x.min + (px + 0.5 - u.bbox.left) * perPixel, at + 1);
      }
    }
  });
}

/** The first place at `start` or after it whose event is not before `time`. */
function firstFrom(events, times, time, start) {
  let low = start;
  let step = 1;
  while (low + step < events.length && times[events[low + step]] < time) {
    low += step;
    step *= 2;
  }
  let high = Math.min(low + step, events.length);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[events[middle]] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
