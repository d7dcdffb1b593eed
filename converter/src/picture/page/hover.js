// What is under the pointer: the nearest segment or event, with its number and its summary.

const tooltip = document.getElementById("tooltip");

function nearestTick(ticks, time, within) {
  const after = lowerBound(ticks.t, time);
  let best = -1;
  for (const at of [after - 1, after]) {
    if (at < 0 || at >= ticks.t.length || Math.abs(ticks.t[at] - time) > within) continue;
    if (best < 0 || Math.abs(ticks.t[at] - time) < Math.abs(ticks.t[best] - time)) best = at;
  }
  return best;
}

/** The tick of the row under the pointer that is nearest in time. */
function nearestOfKind(ticks, kind, time, within) {
  const events = ticks.byKind[kind] || [];
  const after = firstFrom(events, ticks.t, time, 0);
  let best = -1;
  for (const at of [after - 1, after]) {
    if (at < 0 || at >= events.length) continue;
    const distance = Math.abs(ticks.t[events[at]] - time);
    if (distance <= within && (best < 0 || distance < Math.abs(ticks.t[best] - time))) best = events[at];
  }
  return best;
}

function nearestBar(u, content, within) {
  const { left, top } = u.cursor;
  const time = u.posToVal(left, "x");
  let best = null;
  // Marks are drawn last, and found first.
  for (const bars of [...content.bars].reverse()) {
    for (let at = lowerBound(bars.t, time - within); at < bars.t.length && bars.t[at] <= time + within; at++) {
      const high = u.valToPos(bars.hi[at], "y");
      const low = u.valToPos(bars.lo[at], "y");
      const across = Math.abs(u.valToPos(bars.t[at], "x") - left);
      const along = top < high ? high - top : top > low ? top - low : 0;
      const distance = across + along;
      if (distance < 12 && (!best || distance < best.distance)) best = { distance, bars, at };
    }
  }
  return best;
}

/** The number of the event at a tick. Numbers that follow each other are stored as the first alone. */
function numberAt(ticks, at) {
  return ticks.number ? ticks.number[at] : ticks.first_number + at;
}

function tickText(connection, at) {
  const ticks = connection.ticks;
  const head = "event " + numberAt(ticks, at) + "  " + timeText(ticks.t[at]) + "  " + ticks.codes[ticks.code[at]].name;
  const text = sentence(connection, at);
  return text === "" ? head : head + "\n" + text;
}

function bandText(connection, u) {
  const row = connection.bands[Math.floor((u.cursor.top / u.over.clientHeight) * connection.bands.length)];
  if (!row) return "";
  const time = u.posToVal(u.cursor.left, "x");
  const at = lowerBound(row.end, time);
  if (at >= row.start.length || row.start[at] > time) return "";
  return row.label + ": " + row.names[row.state[at]] + "\n" + timeText(row.start[at]) + " to " + timeText(row.end[at]) + " (" + UNITS.us(row.end[at] - row.start[at]) + ")";
}

function tooltipText(u, panel, content) {
  const connection = view.connection;
  const within = ((view.to - view.from) / u.bbox.width) * 8 * devicePixelRatio;
  const time = u.posToVal(u.cursor.left, "x");
  if (panel.id === "bands") return bandText(connection, u);
  if (panel.id === "events") {
    const kinds = connection.ticks.kinds.length;
    const kind = Math.floor((u.cursor.top / u.over.clientHeight) * kinds);
    const at = nearestOfKind(connection.ticks, kind, time, within);
    return at < 0 ? "" : tickText(connection, at);
  }
  const bar = nearestBar(u, content, within);
  if (bar) {
    const { bars, at } = bar;
    const range = bars.label + "  " + bars.lo[at] + ":" + bars.hi[at] + "  " + (bars.hi[at] - bars.lo[at]) + " bytes";
    return range + "\n" + tickText(connection, bars.at[at]);
  }
  const tick = nearestTick(connection.ticks, time, within);
  return tick < 0 ? timeText(time) : tickText(connection, tick);
}

function legendValues(time) {
  for (const element of document.querySelectorAll(".legend b")) {
    const line = view.connection.lines.find((line) => line.id === element.dataset.line);
    const value = line ? valueAt(line, time) : NaN;
    element.textContent = Number.isNaN(value) ? "" : UNITS[PANELS.find((panel) => panel.id === line.panel).unit](value);
  }
}

let hovered = 0;

/** Shows what is under the pointer of `u`. */
function showTooltip(u, panel, content) {
  const connection = view.connection;
  legendValues(u.posToVal(u.cursor.left, "x"));
  const text = tooltipText(u, panel, content);
  tooltip.hidden = text === "";
  tooltip.textContent = text;
  const box = u.over.getBoundingClientRect();
  const x = box.left + u.cursor.left + 16;
  const y = box.top + u.cursor.top + 16;
  tooltip.style.left = Math.min(x, innerWidth - tooltip.offsetWidth - 8) + "px";
  tooltip.style.top = Math.min(y, innerHeight - tooltip.offsetHeight - 8) + "px";
  if (!connection.bytes) {
    sentencesOf(connection).then(() => {
      if (!tooltip.hidden && view.connection === connection && u.cursor.left >= 0) tooltip.textContent = tooltipText(u, panel, content);
    });
  }
}

function pointed(u, panel, content) {
  const { left, top } = u.cursor;
  if (left < 0 || top < 0 || !u.over.matches(":hover")) {
    if (!document.querySelector(".u-over:hover")) tooltip.hidden = true;
    return;
  }
  if (hovered) return;
  hovered = requestAnimationFrame(() => {
    hovered = 0;
    if (u.cursor.left >= 0) showTooltip(u, panel, content);
  });
}
