// Reads the page's data: numbers lie in base64 blobs, one for each connection, compressed by gzip, and are decoded
// when the connection is first shown. A column is [type, byte offset, length]; numbers are little-endian.

const page = JSON.parse(document.getElementById("data").textContent);

/** The bytes of a blob; its element is removed. */
async function bytesOf(id) {
  const element = document.getElementById(id);
  const base64 = element.textContent;
  element.remove();
  let bytes;
  if (Uint8Array.fromBase64) bytes = Uint8Array.fromBase64(base64);
  else {
    const text = atob(base64);
    bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** Sums of differences that wrap at 2^32. */
function summed(differences) {
  const sums = new Uint32Array(differences.length);
  let last = 0;
  for (let at = 0; at < sums.length; at++) sums[at] = last = (last + differences[at]) >>> 0;
  return sums;
}

/** Values that are stored one too high, where 0 stands for none. */
function lowered(sums) {
  const values = new Float64Array(sums.length);
  for (let at = 0; at < values.length; at++) values[at] = sums[at] === 0 ? NaN : sums[at] - 1;
  return values;
}

const COLUMN_TYPES = {
  u16: (blob, offset, length) => new Uint16Array(blob, offset, length),
  f64: (blob, offset, length) => new Float64Array(blob, offset, length),
  d32: (blob, offset, length) => summed(new Uint32Array(blob, offset, length)),
  n32: (blob, offset, length) => lowered(summed(new Uint32Array(blob, offset, length))),
};

/** Replaces every column of `value` by its typed array. */
function resolve(value, blob) {
  if (Array.isArray(value) && value.length === 3 && typeof value[0] === "string" && value[0] in COLUMN_TYPES) {
    return COLUMN_TYPES[value[0]](blob, value[1], value[2]);
  }
  if (Array.isArray(value)) return value.map((item) => resolve(item, blob));
  if (value && typeof value === "object") {
    const resolved = {};
    for (const key of Object.keys(value)) resolved[key] = resolve(value[key], blob);
    return resolved;
  }
  return value;
}

/** The values of `array` at `places`. */
function picked(array, places) {
  const values = new Float64Array(places.length);
  for (let at = 0; at < values.length; at++) values[at] = array[places[at]];
  return values;
}

function added(low, length) {
  const high = new Float64Array(low.length);
  for (let at = 0; at < high.length; at++) high[at] = low[at] + length[at];
  return high;
}

/** The indices of the events of each kind. */
function byKind(ticks) {
  const kinds = Uint16Array.from(ticks.codes, (code) => code.kind);
  const counts = new Uint32Array(ticks.kinds.length);
  for (let at = 0; at < ticks.code.length; at++) counts[kinds[ticks.code[at]]]++;
  const indices = Array.from(counts, (count) => new Uint32Array(count));
  counts.fill(0);
  for (let at = 0; at < ticks.code.length; at++) {
    const kind = kinds[ticks.code[at]];
    indices[kind][counts[kind]++] = at;
  }
  return indices;
}

const connections = new Map();

/** Connection number `index` with its numbers. */
async function connectionAt(index) {
  if (!connections.has(index)) {
    const described = page.connections[index];
    const blob = await bytesOf(described.blob);
    const connection = Object.assign({}, described);
    for (const key of ["lines", "bars", "bands", "ticks"]) connection[key] = resolve(described[key], blob);
    const times = connection.ticks.t;
    connection.ticks.byKind = byKind(connection.ticks);
    for (const line of connection.lines) {
      for (const level of line.levels) if (level.at) level.x = picked(times, level.at);
    }
    for (const bars of connection.bars) {
      bars.t = picked(times, bars.at);
      bars.hi = added(bars.lo, bars.len);
      for (const level of bars.coarser) level.hi = added(level.lo, level.len);
    }
    connections.set(index, connection);
  }
  return connections.get(index);
}

/** The sentences of a connection's events, decoded when the first of them is wanted. */
function sentencesOf(connection) {
  if (!connection.loading) {
    connection.loading = bytesOf(connection.sentences).then((bytes) => (connection.bytes = new Uint8Array(bytes)));
  }
  return connection.loading;
}

/** The sentence of an event; empty if it has none or the sentences are not there yet. */
function sentence(connection, event) {
  const { text_at, text_end } = connection.ticks;
  const place = lowerBound(text_at, event);
  if (text_at[place] !== event) return "";
  if (!connection.bytes) {
    sentencesOf(connection);
    return "";
  }
  const start = place === 0 ? 0 : text_end[place - 1];
  return new TextDecoder().decode(connection.bytes.subarray(start, text_end[place]));
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

/** The coarsest level of `line` that has two points or more for each pixel of the span, and its visible indices. */
function visibleLevel(line, from, to, pixels) {
  for (let at = line.levels.length - 1; at >= 0; at--) {
    const level = line.levels[at];
    const first = Math.max(0, lowerBound(level.x, from) - 1);
    const last = Math.min(level.x.length, lowerBound(level.x, to) + 1);
    if (last - first >= pixels * 2 || at === 0) return { level, first, last };
  }
  return null;
}

const SLOTS = 8192;
const FINER = 8;

/** The coarsest level of `bars` with two slots of time or more for each pixel of the span, and its visible indices. */
function visibleBars(bars, from, to, pixels, duration) {
  let level = bars;
  let slots = SLOTS;
  for (let at = bars.coarser.length - 1; at >= 0; at--, slots *= FINER) {
    if ((slots * (to - from)) / Math.max(duration, 1) < 2 * pixels) continue;
    level = bars.coarser[at];
    break;
  }
  // A slot's range stands at its first time.
  const slack = level === bars ? 0 : duration / slots;
  return { level, first: lowerBound(level.t, from - slack), last: lowerBound(level.t, to + 1) };
}

/** The value of a line at a time; NaN before its first. */
function valueAt(line, time) {
  const level = line.levels[0];
  const next = lowerBound(level.x, time + 1);
  return next === 0 ? NaN : level.y[next - 1];
}

const UNITS = {
  bytes: (value) => value.toLocaleString("en-US") + " bytes",
  us: (value) => milliseconds(value / 1000) + " ms",
  bps: (value) => rateText(value),
};

function milliseconds(value) {
  return value.toFixed(value < 10 ? 2 : 1);
}

function rateText(value) {
  const steps = [[1e9, "Gbit/s"], [1e6, "Mbit/s"], [1e3, "kbit/s"]];
  for (const [factor, name] of steps) if (value >= factor) return +(value / factor).toPrecision(3) + " " + name;
  return value.toFixed(0) + " bit/s";
}

function timeText(microseconds) {
  return (microseconds / 1e6).toFixed(6) + " s";
}

/** A time of the connection as absolute seconds with six decimals. */
function epochText(connection, microseconds) {
  const total = BigInt(connection.origin_us) + BigInt(microseconds);
  const text = total.toString().padStart(7, "0");
  return text.slice(0, -6) + "." + text.slice(-6);
}
