// Choosing a connection, zooming, keys, and what can be copied.

const root = document.documentElement;
const chooser = document.getElementById("connection");

function showConnection(index) {
  if (index < 0 || index >= page.connections.length) return;
  view.index = index;
  view.connection = connectionAt(index);
  view.from = 0;
  view.to = Math.max(view.connection.duration_us, 1);
  chooser.value = String(index);
  document.title = view.connection.title + " \u2013 bblog plot";
  document.getElementById("verdict").textContent = view.connection.verdict;
  document.getElementById("details").textContent = view.connection.details;
  showShares(view.connection);
  showPanels();
  spanText();
}

function showShares(connection) {
  const whole = connection.shares.reduce((sum, share) => sum + share[1], 0) || 1;
  const parts = connection.shares.map(([state, time]) => {
    const part = document.createElement("span");
    const percent = ((100 * time) / whole).toFixed(1) + " %";
    const name = state.replaceAll("_", " ");
    part.style.width = (100 * time) / whole + "%";
    part.style.background = colour(state);
    part.textContent = name + " " + percent;
    part.title = name + ": " + UNITS.us(time) + ", " + percent;
    return part;
  });
  document.getElementById("shares").replaceChildren(...parts);
}

function zoom(factor, around) {
  const centre = around === undefined ? (view.from + view.to) / 2 : around;
  showSpan(centre - (centre - view.from) * factor, centre + (view.to - centre) * factor);
}

function move(share) {
  const step = (view.to - view.from) * share;
  showSpan(view.from + step, view.to + step);
}

function whole() {
  showSpan(0, view.connection.duration_us);
}

/** Goes to the next or the previous stall; from the whole connection, to the first or the last. */
function stall(direction) {
  const stalls = view.connection.stalls;
  const isWhole = view.to - view.from >= view.connection.duration_us;
  const middle = isWhole ? (direction > 0 ? -1 : Infinity) : (view.from + view.to) / 2;
  const centre = (stall) => stall.start_us + stall.duration_us / 2;
  const at = direction > 0
    ? stalls.findIndex((stall) => centre(stall) > middle + 1)
    : stalls.findLastIndex((stall) => centre(stall) < middle - 1);
  if (at < 0) return say("No further stall.");
  const { start_us, duration_us, text } = stalls[at];
  showSpan(start_us - duration_us / 2, start_us + duration_us * 1.5);
  say(text);
}

let fading = 0;

function say(text) {
  const element = document.getElementById("message");
  element.textContent = text;
  element.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => (element.hidden = true), 6000);
}

function filterText() {
  const { connection, from, to } = view;
  const time = "frame.time_epoch >= " + epochText(connection, from) + " && frame.time_epoch <= " + epochText(connection, Math.ceil(to));
  return connection.filter ? "(" + connection.filter + ") && " + time : time;
}

function showText() {
  const { connection, from, to } = view;
  const span = " --from " + instant(connection, Math.floor(from)) + " --to " + instant(connection, Math.ceil(to) + 1);
  return connection.show + span + " " + connection.files.join(" ");
}

/** A time as bblog's --from takes it: UTC where the log has it, else seconds from the first event. */
function instant(connection, microseconds) {
  if (connection.clock !== "utc") return "+" + (microseconds / 1e6).toFixed(6) + "s";
  const total = BigInt(connection.origin_us) + BigInt(microseconds);
  const seconds = new Date(Number(total / 1000n)).toISOString().slice(0, 19);
  return seconds + "." + (total % 1000000n).toString().padStart(6, "0") + "Z";
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied: " + text);
  } catch {
    // Without the right to the clipboard the text is shown, to be copied by hand.
    say(text);
  }
}

function toggle(id) {
  if (view.hidden.has(id)) view.hidden.delete(id);
  else view.hidden.add(id);
  showToggles();
  showPanels();
}

function showToggles() {
  const buttons = PANELS.map((panel, number) => {
    const button = document.createElement("button");
    button.type = "button";
    button.id = "toggle-" + panel.id;
    button.textContent = number + 1 + " " + panel.title;
    button.setAttribute("aria-pressed", String(!view.hidden.has(panel.id)));
    button.addEventListener("click", () => toggle(panel.id));
    return button;
  });
  document.getElementById("toggles").replaceChildren(...buttons);
}

function help() {
  const dialog = document.getElementById("help");
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

const KEYS = {
  "+": () => zoom(0.5),
  "=": () => zoom(0.5),
  "-": () => zoom(2),
  0: whole,
  ArrowLeft: () => move(-0.2),
  ArrowRight: () => move(0.2),
  n: () => stall(1),
  p: () => stall(-1),
  "[": () => showConnection(view.index - 1),
  "]": () => showConnection(view.index + 1),
  f: () => copy(filterText()),
  s: () => copy(showText()),
  "?": help,
};

function wheel(event) {
  if (event.ctrlKey) return;
  const over = event.target.closest && event.target.closest(".u-over");
  if (!over) return;
  event.preventDefault();
  const delta = event.deltaY || event.deltaX;
  if (event.shiftKey) return move(Math.sign(delta) * 0.1);
  const box = over.getBoundingClientRect();
  const around = view.from + ((event.clientX - box.left) / box.width) * (view.to - view.from);
  zoom(delta > 0 ? 1.25 : 0.8, around);
}

function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("select")) return;
    const panel = PANELS[Number(event.key) - 1];
    if (panel) toggle(panel.id);
    else if (KEYS[event.key]) KEYS[event.key]();
    else return;
    event.preventDefault();
  });
  const panels = document.getElementById("panels");
  panels.addEventListener("wheel", wheel, { passive: false });
  panels.addEventListener("dblclick", whole);
  panels.addEventListener("mouseleave", () => (tooltip.hidden = true));
  chooser.addEventListener("change", () => showConnection(Number(chooser.value)));
  document.getElementById("copy-filter").addEventListener("click", () => copy(filterText()));
  document.getElementById("copy-show").addEventListener("click", () => copy(showText()));
  document.getElementById("reset").addEventListener("click", whole);
  document.getElementById("help-button").addEventListener("click", help);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    colours.clear();
    showShares(view.connection);
    showPanels();
  });
  let resizing = 0;
  addEventListener("resize", () => {
    clearTimeout(resizing);
    resizing = setTimeout(showPanels, 100);
  });
}

function start() {
  root.dataset.state = "drawing";
  page.connections.forEach((connection, index) => {
    const option = document.createElement("option");
    option.value = String(index);
    option.textContent = connection.title;
    chooser.append(option);
  });
  chooser.hidden = page.connections.length < 2;
  showToggles();
  listen();
  showConnection(0);
  // uPlot draws in a microtask; two frames later all of it is on the screen.
  requestAnimationFrame(() => requestAnimationFrame(() => (root.dataset.state = "drawn")));
}

start();
