// Reads the page's data: numbers lie in base64 blobs, one for each connection, and are decoded when
// the connection is first shown. A column is [type, byte offset, length]; numbers are little-endian.

const page = JSON.parse(document.getElementById("data").textContent);

const COLUMN_TYPES = { u8: Uint8Array, u16: Uint16Array, u32: Uint32Array, f64: Float64Array };

function bytesOf(base64) {
  const text = atob(base64.trim());
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes.buffer;
}

/** Replaces every column of `value` by its typed array. */
function resolve(value, blob) {
  if (Array.isArray(value) && value.length === 3 && typeof value[0] === "string" && value[0] in COLUMN_TYPES) {
    return new COLUMN_TYPES[value[0]](blob, value[1], value[2]);
  }
  if (Array.isArray(value)) return value.map((item) => resolve(item, blob));
  if (value && typeof value === "object") {
    const resolved = {};
    for (const key of Object.keys(value)) resolved[key] = resolve(value[key], blob);
    return resolved;
  }
  return value;
}

const connections = new Map();

/** Connection number `index` with its numbers. */
function connectionAt(index) {
  if (!connections.has(index)) {
    const described = page.connections[index];
    const element = document.getElementById(described.blob);
    const blob = bytesOf(element.textContent);
    const plain = Object.assign({}, described);
    for (const key of ["lines", "bars", "bands", "ticks"]) plain[key] = resolve(described[key], blob);
    element.remove();
    connections.set(index, plain);
  }
  return connections.get(index);
}

/** The first index whose value is not below `wanted`, in an array that does not fall. */
function lowerBound(array, wanted) {
  let low = 0;
  let high = array.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (array[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The coarsest level of `line` that has a point or more for each pixel of the span, and its visible indices. */
function visibleLevel(line, from, to, pixels) {
  for (let at = line.levels.length - 1; at >= 0; at--) {
    const level = line.levels[at];
    const first = Math.max(0, lowerBound(level.x, from) - 1);
    const last = Math.min(level.x.length, lowerBound(level.x, to) + 1);
    if (last - first >= pixels * 2 || at === 0) return { level, first, last };
  }
  return null;
}

/** The value of a line at a time; NaN before its first. */
function valueAt(line, time) {
  const level = line.levels[0];
  const next = lowerBound(level.x, time + 1);
  return next === 0 ? NaN : level.y[next - 1];
}

const UNITS = {
  bytes: (value) => value.toLocaleString("en-US") + " bytes",
  us: (value) => (value / 1000).toFixed(value < 10000 ? 2 : 1) + " ms",
  bps: (value) => rateText(value),
};

function rateText(value) {
  const steps = [[1e9, "Gbit/s"], [1e6, "Mbit/s"], [1e3, "kbit/s"]];
  for (const [factor, name] of steps) if (value >= factor) return (value / factor).toPrecision(3) + " " + name;
  return value.toFixed(0) + " bit/s";
}

function timeText(microseconds) {
  return (microseconds / 1e6).toFixed(6) + " s";
}

/** A time of the connection as absolute seconds with six decimals. */
function epochText(connection, microseconds) {
  const total = BigInt(connection.origin_us) + BigInt(Math.round(microseconds));
  const text = total.toString().padStart(7, "0");
  return text.slice(0, -6) + "." + text.slice(-6);
}
