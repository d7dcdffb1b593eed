// The panels: uPlot gives each its axes, its cursor and the selection; draw.js draws what is in it.

const HEIGHTS = { sequence: 270, arrival: 230, window: 170, rtt: 150, rate: 130 };
const PANELS = page.connections[0].panels
  .map((panel) => ({ ...panel, height: HEIGHTS[panel.id] }))
  .concat([{ id: "bands", title: "States" }, { id: "events", title: "Events" }]);
const LEFT = 118;
const ROW = 19;
/** Height of an axis of time with labels, and without. */
const LABELS = 30;
const NO_LABELS = 8;

const view = { index: -1, connection: null, from: 0, to: 1, plots: new Map(), hidden: new Set() };

function rowLabels(panel, connection) {
  if (panel.id === "bands") return connection.bands.map((row) => row.label);
  return connection.ticks.kinds.map((kind) => kind.label);
}

function contents(panel, connection) {
  return {
    lines: connection.lines.filter((line) => line.panel === panel.id),
    bars: connection.bars.filter((bars) => bars.panel === panel.id),
  };
}

/** The range of the values that are visible, with some room; panels of rows have none. */
function visibleRange(content, from, to, pixels) {
  let low = Infinity;
  let high = -Infinity;
  for (const line of content.lines) {
    const { level, first, last } = visibleLevel(line, from, to, pixels);
    for (let at = first; at < last; at++) {
      const value = level.y[at];
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  for (const bars of content.bars) {
    const { level, first, last } = visibleBars(bars, from, to, pixels, view.connection.duration_us);
    for (let at = first; at < last; at++) {
      if (level.lo[at] < low) low = level.lo[at];
      if (level.hi[at] > high) high = level.hi[at];
    }
  }
  if (low > high) return [0, 1];
  if (content.isLog) return [low * 0.9, high * 1.1];
  const room = (high - low) * 0.05 || Math.max(1, high * 0.05);
  return [Math.max(0, low - room), high + room];
}

/** Whether the values of the whole connection span so much that only their logarithms show them all. */
function needsLog(panel, content) {
  if (panel.unit !== "us" || content.lines.length === 0) return false;
  let low = Infinity;
  let high = 0;
  for (const line of content.lines) {
    for (const value of line.levels[line.levels.length - 1].y) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low > 0 && high > 12 * low;
}

function axisText(panel) {
  const text = {
    us: (value) => value / 1000 + " ms",
    bps: (value) => (value === 0 ? "0" : rateText(value)),
    bytes: (value) => value.toLocaleString("en-US"),
  }[panel.unit];
  return (u, values) => values.map(text);
}

/** 1, 2 and 5 times each power of ten between two values; powers alone if those are many. */
function logSplits(low, high) {
  const decades = Math.log10(high / low);
  const steps = decades > 3 ? [1] : decades > 1.5 ? [1, 3] : [1, 2, 5];
  const splits = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
    for (const step of steps) splits.push(step * 10 ** power);
  }
  return splits.filter((value) => value >= low && value <= high);
}

/** A time on the axis, in the unit that suits the span. */
function timeLabel(value) {
  const length = view.to - view.from;
  if (length < 2e3) return +value.toFixed(3) + " \u00b5s";
  if (length < 2e6) return +(value / 1e3).toFixed(6) + " ms";
  return +(value / 1e6).toFixed(6) + " s";
}

function axesOf(panel, connection, content, hasLabels) {
  const lines = { stroke: colour("dim"), grid: { stroke: colour("grid") }, ticks: { stroke: colour("edge") } };
  const labels = (u, values) => values.map((value) => (hasLabels ? timeLabel(value) : ""));
  const x = { ...lines, values: labels, space: 100, size: hasLabels ? LABELS : NO_LABELS };
  if (panel.unit) {
    const y = { ...lines, size: LEFT, values: axisText(panel), space: 28 };
    if (content.isLog) Object.assign(y, { splits: (u, axis, low, high) => logSplits(low, high), filter: (u, splits) => splits });
    return [x, y];
  }
  const names = rowLabels(panel, connection);
  const places = names.map((_, at) => names.length - at - 0.5);
  return [x, { stroke: colour("dim"), size: LEFT, grid: { show: false }, ticks: { show: false }, splits: () => places, values: () => names }];
}

function heightOf(panel, connection, hasLabels) {
  const axis = hasLabels ? LABELS : NO_LABELS;
  return (panel.unit ? panel.height : rowLabels(panel, connection).length * ROW + 4) + axis;
}

function isEmpty(panel, connection) {
  if (!panel.unit) return rowLabels(panel, connection).length === 0;
  const content = contents(panel, connection);
  return content.lines.length + content.bars.length === 0;
}

function drawPanel(u, panel, connection, content) {
  const ctx = u.ctx;
  ctx.save();
  ctx.beginPath();
  ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  ctx.clip();
  const { from, to } = view;
  if (panel.id === "bands") drawBands(u, connection.bands, from, to);
  else if (panel.id === "events") drawTicks(u, connection.ticks, from, to);
  else {
    for (const bars of content.bars) drawBars(u, bars, from, to, connection.duration_us);
    // The first of the legend is on top.
    for (const line of [...content.lines].reverse()) drawLine(u, line, from, to);
  }
  ctx.restore();
}

function makePlot(panel, connection, element, hasLabels) {
  const content = contents(panel, connection);
  content.isLog = needsLog(panel, content);
  const rows = panel.unit ? 0 : rowLabels(panel, connection).length;
  const options = {
    width: element.clientWidth - 16,
    height: heightOf(panel, connection, hasLabels),
    padding: [4, 14, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: "bblog", setSeries: false, scales: ["x", null] }, drag: { x: true, y: false, setScale: false }, points: { show: false }, y: false, dblclick: () => null },
    scales: {
      x: { time: false, range: () => [view.from, view.to] },
      y: { distr: content.isLog ? 3 : 1, range: (u) => (rows ? [0, rows] : visibleRange(content, view.from, view.to, u.bbox ? u.bbox.width : 1000)) },
    },
    axes: axesOf(panel, connection, content, hasLabels),
    series: [{}, { show: true, paths: () => null, points: { show: false } }],
    hooks: {
      draw: [(u) => drawPanel(u, panel, connection, content)],
      setCursor: [(u) => pointed(u, panel, content)],
      setSelect: [(u) => selected(u)],
    },
  };
  // uPlot draws none of the lines itself, and needs values that its scale can have.
  return new uPlot(options, [[0, Math.max(connection.duration_us, 1)], [1, 1]], element);
}

function legend(panel, connection) {
  const content = contents(panel, connection);
  const element = document.createElement("span");
  element.className = "legend";
  const seen = new Set();
  for (const [id, label, line] of [...content.bars.map((bars) => [bars.kind, bars.label]), ...content.lines.map((line) => [line.id, line.label, line])]) {
    if (seen.has(label)) continue;
    seen.add(label);
    const entry = document.createElement("span");
    const box = document.createElement("i");
    box.style.background = colour(id);
    entry.append(box, label + " ");
    if (line) {
      const value = document.createElement("b");
      value.dataset.line = line.id;
      entry.append(value);
    }
    element.append(entry);
  }
  return element;
}

/** Whether a panel is shown: those without anything in them are not. */
function isShown(panel) {
  return !view.hidden.has(panel.id) && !isEmpty(panel, view.connection);
}

function showPanels() {
  const main = document.getElementById("panels");
  for (const plot of view.plots.values()) plot.destroy();
  view.plots.clear();
  main.replaceChildren();
  const shown = PANELS.filter(isShown);
  // Times stand below the last panel of values and below the last of all.
  const withLabels = [shown.findLast((panel) => panel.unit), shown[shown.length - 1]];
  for (const panel of shown) {
    const section = document.createElement("section");
    section.className = "panel";
    section.id = "panel-" + panel.id;
    const title = document.createElement("h2");
    title.textContent = panel.title;
    section.append(title, legend(panel, view.connection));
    main.append(section);
    view.plots.set(panel.id, makePlot(panel, view.connection, section, withLabels.includes(panel)));
  }
}

let frame = 0;

/** Shows the span from `from` to `to`, in microseconds of the connection. */
function showSpan(from, to) {
  const whole = Math.max(view.connection.duration_us, 1);
  const length = Math.min(Math.max(to - from, Math.min(10, whole)), whole);
  view.from = Math.min(Math.max(from, 0), whole - length);
  view.to = view.from + length;
  if (frame) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    for (const plot of view.plots.values()) plot.setScale("x", { min: view.from, max: view.to });
    spanText();
  });
}

function spanText() {
  document.getElementById("span").textContent = visibleSpan().map(timeText).join(" to ");
}

function selected(u) {
  if (u.select.width < 3) return;
  const from = u.posToVal(u.select.left, "x");
  const to = u.posToVal(u.select.left + u.select.width, "x");
  u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  showSpan(from, to);
}
