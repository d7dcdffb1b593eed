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

/** Kinds that are drawn one by one however many there are. */
const SINGLE = new Set(["fast", "tlp", "rto", "again", "sack", "lost", "failed"]);

function scaler(u, axis) {
  const scale = u.scales[axis];
  const [start, length] = axis === "x" ? [u.bbox.left, u.bbox.width] : [u.bbox.top, u.bbox.height];
  const factor = length / (scale.max - scale.min || 1);
  return axis === "x"
    ? (value) => start + (value - scale.min) * factor
    : (value) => start + length - (value - scale.min) * factor;
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
  if (last - first > 2 * u.bbox.width) return drawColumns(ctx, line, level, first, last, x, y);
  ctx.lineWidth = 1.4 * devicePixelRatio;
  ctx.beginPath();
  let open = false;
  let height = 0;
  for (let at = first; at < last; at++) {
    if (Number.isNaN(level.y[at])) {
      open = false;
      continue;
    }
    const px = x(level.x[at]);
    const py = y(level.y[at]);
    if (!open) ctx.moveTo(px, py);
    else {
      if (line.style === "step") ctx.lineTo(px, height);
      ctx.lineTo(px, py);
    }
    open = true;
    height = py;
  }
  // A state holds until the next record says otherwise.
  if (open && line.style === "step") ctx.lineTo(x(Math.min(to, line.until)), height);
  ctx.stroke();
}

/** A line with more points than pixels: for each column of pixels the span of its values. */
function drawColumns(ctx, line, level, first, last, x, y) {
  const thick = 1.4 * devicePixelRatio;
  let column = NaN;
  let top = 0;
  let bottom = 0;
  let height = NaN;
  const flush = () => column === column && ctx.fillRect(column, top - thick / 2, thick, bottom - top + thick);
  for (let at = first; at < last; at++) {
    const py = y(level.y[at]);
    const px = Math.round(x(level.x[at]));
    if (Number.isNaN(py)) {
      height = NaN;
      continue;
    }
    if (px !== column) {
      flush();
      if (line.style === "step" && height === height && px > column + 1) ctx.fillRect(column, height - thick / 2, px - column, thick);
      const from = height === height ? height : py;
      [column, top, bottom] = [px, Math.min(from, py), Math.max(from, py)];
    } else {
      top = Math.min(top, py);
      bottom = Math.max(bottom, py);
    }
    height = py;
  }
  flush();
}

function drawBars(u, bars, from, to) {
  const x = scaler(u, "x");
  const y = scaler(u, "y");
  const ctx = u.ctx;
  const first = lowerBound(bars.t, from);
  const last = lowerBound(bars.t, to + 1);
  const single = SINGLE.has(bars.kind);
  const width = (single ? 2.5 : 1.5) * devicePixelRatio;
  const merge = !single && last - first > 4 * u.bbox.width;
  ctx.fillStyle = colour(bars.kind);
  let column = -1;
  let top = 0;
  let bottom = 0;
  const flush = () => column >= 0 && ctx.fillRect(column, top, width, Math.max(bottom - top, width));
  for (let at = first; at < last; at++) {
    const px = Math.round(x(bars.t[at]));
    const high = y(bars.hi[at]);
    const low = y(bars.lo[at]);
    if (merge && px === column && high <= bottom + 4 && low >= top - 4) {
      top = Math.min(top, high);
      bottom = Math.max(bottom, low);
      continue;
    }
    flush();
    [column, top, bottom] = [px, high, low];
  }
  flush();
}

function drawBands(u, rows, from, to) {
  const x = scaler(u, "x");
  const ctx = u.ctx;
  const height = u.bbox.height / Math.max(rows.length, 1);
  ctx.font = 11 * devicePixelRatio + "px system-ui, sans-serif";
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  rows.forEach((row, number) => {
    const top = u.bbox.top + number * height;
    // Spans of a row follow each other, so their ends are sorted as well.
    for (let at = lowerBound(row.end, from); at < row.start.length && row.start[at] <= to; at++) {
      const name = row.names[row.state[at]];
      const left = Math.max(x(row.start[at]), u.bbox.left);
      const right = Math.min(x(row.end[at]), u.bbox.left + u.bbox.width);
      const width = Math.max(right - left, devicePixelRatio);
      ctx.fillStyle = row.row === "limit" ? colour(name) : colour("band-" + (row.state[at] % 6));
      ctx.fillRect(left, top + 2, width, height - 4);
      if (width > 60 * devicePixelRatio) {
        ctx.fillStyle = colour("ink");
        ctx.save();
        ctx.beginPath();
        ctx.rect(left, top, width, height);
        ctx.clip();
        ctx.fillText(name.replaceAll("_", " "), left + 4 * devicePixelRatio, top + height / 2);
        ctx.restore();
      }
    }
  });
}

function drawTicks(u, ticks, from, to) {
  const x = scaler(u, "x");
  const ctx = u.ctx;
  const height = u.bbox.height / Math.max(ticks.kinds.length, 1);
  const first = lowerBound(ticks.t, from);
  const last = lowerBound(ticks.t, to + 1);
  const drawn = new Int32Array(ticks.kinds.length).fill(-1);
  const named = new Float64Array(ticks.kinds.length).fill(-1);
  const withNames = last - first < u.bbox.width / (6 * devicePixelRatio);
  ctx.font = 10 * devicePixelRatio + "px system-ui, sans-serif";
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  for (let at = first; at < last; at++) {
    const { name, kind } = ticks.codes[ticks.code[at]];
    const px = Math.round(x(ticks.t[at]));
    const top = u.bbox.top + kind * height;
    ctx.fillStyle = colour(ticks.kinds[kind].id);
    // Ticks of one kind in one pixel are one mark.
    if (drawn[kind] !== px) ctx.fillRect(px, top + 2, devicePixelRatio, height - 4);
    drawn[kind] = px;
    if (withNames && px >= named[kind]) {
      ctx.fillText(name, px + 3 * devicePixelRatio, top + height / 2);
      named[kind] = px + ctx.measureText(name).width + 10 * devicePixelRatio;
    }
  }
}
