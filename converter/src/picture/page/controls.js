// Choosing a connection, zooming, keys, and what can be copied.

const root = document.documentElement;
const chooser = document.getElementById("connection");

async function showConnection(index) {
  if (index < 0 || index >= page.connections.length) return;
  view.index = index;
  const connection = await connectionAt(index);
  // Another one was chosen meanwhile.
  if (view.index !== index) return;
  view.connection = connection;
  // The direction with little data is shown on demand.
  view.hidden.delete("sequence");
  view.hidden.delete("arrival");
  if (connection.hidden) view.hidden.add(connection.hidden);
  view.from = 0;
  view.to = Math.max(connection.duration_us, 1);
  chooser.value = String(index);
  document.title = connection.title + " \u2013 bblog plot";
  document.getElementById("verdict").textContent = connection.verdict;
  document.getElementById("details").textContent = connection.title + ", " + connection.details;
  showShares(connection);
  showToggles();
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
  showSpan(0, Math.max(view.connection.duration_us, 1));
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

/** The first and the last whole microsecond of the visible span. */
function visibleSpan() {
  return [Math.ceil(view.from), Math.floor(view.to)];
}

function filterText() {
  const { connection } = view;
  const [from, to] = visibleSpan();
  const time = "frame.time_epoch >= " + epochText(connection, from) + " && frame.time_epoch <= " + epochText(connection, to);
  return connection.filter ? "(" + connection.filter + ") && " + time : time;
}

/** bblog's --to is the first time that is not shown. */
function showText() {
  const { connection } = view;
  const [from, to] = visibleSpan();
  const span = " --from " + instant(connection, from) + " --to " + instant(connection, to + 1);
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
  if (isEmpty(PANELS.find((panel) => panel.id === id), view.connection)) return;
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
    button.disabled = isEmpty(panel, view.connection);
    if (button.disabled) button.title = "The log has no values for it";
    button.setAttribute("aria-pressed", String(isShown(panel)));
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

/** With shift, dragging moves in time. */
function grab(event) {
  const over = event.target.closest && event.target.closest(".u-over");
  if (!over || !event.shiftKey) return;
  event.preventDefault();
  event.stopPropagation();
  const perPixel = (view.to - view.from) / over.clientWidth;
  const { from, to } = view;
  const drag = (moved) => {
    const by = (event.clientX - moved.clientX) * perPixel;
    showSpan(from + by, to + by);
  };
  addEventListener("mousemove", drag);
  addEventListener("mouseup", () => removeEventListener("mousemove", drag), { once: true });
}

function recolour() {
  colours.clear();
  showShares(view.connection);
  showPanels();
}

function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !view.connection || event.target.matches("select")) return;
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
  panels.addEventListener("mousedown", grab, { capture: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  // Paper is light.
  addEventListener("beforeprint", () => {
    root.classList.add("print");
    recolour();
  });
  addEventListener("afterprint", () => {
    root.classList.remove("print");
    recolour();
  });
  let resizing = 0;
  addEventListener("resize", () => {
    clearTimeout(resizing);
    resizing = setTimeout(showPanels, 100);
  });
}

/** A connection in the list, with the time that was lost on it. */
function optionText(connection) {
  const seconds = (microseconds) => (microseconds / 1e6).toFixed(microseconds < 1e6 ? 3 : 1) + " s";
  return connection.title + "  \u2013  " + seconds(connection.lost_us) + " of " + seconds(connection.duration_us) + " lost";
}

async function start() {
  root.dataset.state = "drawing";
  page.connections.forEach((connection, index) => {
    const option = document.createElement("option");
    option.value = String(index);
    option.textContent = optionText(connection);
    chooser.append(option);
  });
  chooser.hidden = page.connections.length < 2;
  await showConnection(0);
  listen();
  // uPlot draws in a microtask; two frames later all of it is on the screen.
  requestAnimationFrame(() => requestAnimationFrame(() => (root.dataset.state = "drawn")));
}

await start();
