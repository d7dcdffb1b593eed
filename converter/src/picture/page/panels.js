// The panels: uPlot gives each its axes, its cursor and the selection; draw.js draws what is in it.

const PANELS = [
  { id: "sequence", title: "Sequence numbers", unit: "bytes", height: 300 },
  { id: "window", title: "Windows and flight", unit: "bytes", height: 200 },
  { id: "rtt", title: "Round-trip time", unit: "us", height: 160 },
  { id: "rate", title: "Rates", unit: "bps", height: 160 },
  { id: "bands", title: "States", height: 0 },
  { id: "events", title: "Events", height: 0 },
];
const LEFT = 92;
const ROW = 20;

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
    const last = lowerBound(bars.t, to + 1);
    for (let at = lowerBound(bars.t, from); at < last; at++) {
      if (bars.lo[at] < low) low = bars.lo[at];
      if (bars.hi[at] > high) high = bars.hi[at];
    }
  }
  if (low > high) return [0, 1];
  const room = (high - low) * 0.05 || Math.max(1, high * 0.05);
  return [Math.max(0, low - room), high + room];
}

function axisText(panel) {
  if (panel.unit === "us") return (u, values) => values.map((value) => value / 1000 + " ms");
  if (panel.unit === "bps") return (u, values) => values.map((value) => (value === 0 ? "0" : rateText(value)));
  return (u, values) => values.map((value) => value.toLocaleString("en-US"));
}

function axesOf(panel, connection) {
  const lines = { stroke: colour("dim"), grid: { stroke: colour("grid") }, ticks: { stroke: colour("edge") } };
  const x = { ...lines, values: (u, values) => values.map((value) => +(value / 1e6).toFixed(6) + " s"), space: 90, size: 32 };
  if (panel.unit) return [x, { ...lines, size: LEFT, values: axisText(panel), space: 30 }];
  const labels = rowLabels(panel, connection);
  const places = labels.map((_, at) => labels.length - at - 0.5);
  return [x, { stroke: colour("dim"), size: LEFT, grid: { show: false }, ticks: { show: false }, splits: () => places, values: () => labels }];
}

function heightOf(panel, connection) {
  if (panel.unit) return panel.height;
  return rowLabels(panel, connection).length * ROW + 44;
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
    for (const bars of content.bars) drawBars(u, bars, from, to);
    for (const line of content.lines) drawLine(u, line, from, to);
  }
  ctx.restore();
}

function makePlot(panel, connection, element) {
  const content = contents(panel, connection);
  const rows = panel.unit ? 0 : rowLabels(panel, connection).length;
  const options = {
    width: element.clientWidth - 16,
    height: heightOf(panel, connection),
    legend: { show: false },
    cursor: { sync: { key: "bblog", setSeries: false, scales: ["x", null] }, drag: { x: true, y: false, setScale: false }, points: { show: false }, y: false, dblclick: () => null },
    scales: {
      x: { time: false, range: () => [view.from, view.to] },
      y: { range: (u) => (rows ? [0, rows] : visibleRange(content, view.from, view.to, u.bbox ? u.bbox.width : 1000)) },
    },
    axes: axesOf(panel, connection),
    series: [{}, { show: true, paths: () => null, points: { show: false } }],
    hooks: {
      draw: [(u) => drawPanel(u, panel, connection, content)],
      setCursor: [(u) => pointed(u, panel, content)],
      setSelect: [(u) => selected(u)],
    },
  };
  return new uPlot(options, [[0, Math.max(connection.duration_us, 1)], [0, 0]], element);
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

function showPanels() {
  const main = document.getElementById("panels");
  for (const plot of view.plots.values()) plot.destroy();
  view.plots.clear();
  main.replaceChildren();
  for (const panel of PANELS) {
    if (view.hidden.has(panel.id)) continue;
    const section = document.createElement("section");
    section.className = "panel";
    section.id = "panel-" + panel.id;
    const title = document.createElement("h2");
    title.textContent = panel.title;
    section.append(title);
    main.append(section);
    if (isEmpty(panel, view.connection)) {
      const note = document.createElement("p");
      note.className = "empty";
      note.textContent = "The log has no values for this panel.";
      section.append(note);
      continue;
    }
    section.append(legend(panel, view.connection));
    view.plots.set(panel.id, makePlot(panel, view.connection, section));
  }
}

let frame = 0;

/** Shows the span from `from` to `to`, in microseconds of the connection. */
function showSpan(from, to) {
  const whole = Math.max(view.connection.duration_us, 1);
  const length = Math.min(Math.max(to - from, 10), whole);
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
  document.getElementById("span").textContent = timeText(view.from) + " to " + timeText(view.to);
}

function selected(u) {
  if (u.select.width < 3) return;
  const from = u.posToVal(u.select.left, "x");
  const to = u.posToVal(u.select.left + u.select.width, "x");
  u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  showSpan(from, to);
}
