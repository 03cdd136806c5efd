// Charts: steps over time, bars, histograms. Plain SVG; text beside them has the same figures.

import { s, setAttr } from "./dom.js";
import { clock, quantile, span, timeScale } from "./format.js";

const LEFT = 44;
const BOTTOM = 20;
const RIGHT = 8;
const ROOF = 14;

function frame(width, height, label, ...children) {
  return s(
    "svg",
    {
      class: "chart",
      viewBox: `0 0 ${width} ${height}`,
      width: "100%",
      height,
      role: "img",
      "aria-label": label,
      preserveAspectRatio: "none",
    },
    children,
  );
}

const text = (x, y, words, anchor = "middle") => s("text", { x, y, "text-anchor": anchor }, words);

/** Whole numbers from zero to the maximum, few enough to be read. */
export function wholes(most) {
  const digit = 10 ** Math.floor(Math.log10(Math.max(1, most / 4)));
  const step = most <= 6 ? 1 : [1, 2, 5, 10].map((times) => times * digit).find((size) => size >= most / 4);
  const found = [];
  for (let value = 0; value <= most; value += step) found.push(value);
  // The most is named as well where there is room.
  return most - found.at(-1) >= step / 2 ? [...found, most] : found;
}

/** About how wide a label is. */
const wide = (words) => words.length * 6.6 + 8;

/** Rows for labels that stand at places along a line, so that none lies on another; null where none is free. */
export function rows(labels, many = 2) {
  const ends = Array(many).fill(-Infinity);
  return labels.map(({ from, words }) => {
    const row = ends.findIndex((end) => end <= from);
    if (row < 0) return null;
    ends[row] = from + wide(words);
    return row;
  });
}

/** Where moments are along an axis. */
const along =
  ({ from, to, width }) =>
  (at) =>
    LEFT + ((at - from) / (to - from || 1)) * (width - LEFT - RIGHT);

/** A line at one moment of an axis, which moves without the rest being drawn again. */
export function cursorOf(axis) {
  const element = s("line", { class: "cursor" });
  const x = along(axis);
  return {
    element,
    moveTo(at) {
      for (const end of ["x1", "x2"]) setAttr(element, end, x(at).toFixed(1));
    },
  };
}

/** Steps over time, at most a few points for each pixel. `points` are [at, value] in order. */
export function steps(points, { width, height = 150, from, to, max, label, unit = String, marks = [], cursor = null }) {
  // Two rows of words stand above the line, so that a cut and a healing close to each other can both be read.
  const roof = ROOF + (marks.length ? 14 : 0);
  const x = along({ from, to, width });
  const y = (value) => roof + (1 - value / (max || 1)) * (height - roof - BOTTOM);
  let d = "";
  let column = null;
  let last = null;
  const flush = () => {
    if (!column) return;
    d += `${d ? "L" : "M"}${column.x} ${y(column.first).toFixed(1)}`;
    if (column.low !== column.high)
      d += `L${column.x} ${y(column.low).toFixed(1)}L${column.x} ${y(column.high).toFixed(1)}L${column.x} ${y(column.last).toFixed(1)}`;
  };
  for (const [at, value] of points) {
    if (at < from) {
      last = value;
      continue;
    }
    if (at > to) break;
    if (!column)
      column = { x: LEFT, first: last ?? value, low: last ?? value, high: last ?? value, last: last ?? value };
    const px = Math.round(x(at));
    if (px !== column.x) {
      flush();
      d += `L${px} ${y(column.last).toFixed(1)}`;
      column = {
        x: px,
        first: column.last,
        low: Math.min(column.last, value),
        high: Math.max(column.last, value),
        last: value,
      };
    } else {
      column.low = Math.min(column.low, value);
      column.high = Math.max(column.high, value);
      column.last = value;
    }
  }
  if (!column && last !== null) column = { x: LEFT, first: last, low: last, high: last, last };
  flush();
  if (column) d += `L${Math.round(x(to))} ${y(column.last).toFixed(1)}`;
  const lines = moments(
    marks.filter((mark) => mark.at_ms >= from && mark.at_ms <= to),
    x,
    width,
    height,
  );
  return frame(
    width,
    height,
    label,
    grid(wholes(max), y, width, unit),
    [0, 0.25, 0.5, 0.75, 1].map((part, place) =>
      text(
        x(from + (to - from) * part),
        height - 6,
        clock(from + (to - from) * part),
        place === 0 ? "start" : place === 4 ? "end" : "middle",
      ),
    ),
    lines,
    s("path", { class: "line", d: d || "M0 0" }),
    cursor && standing(cursor.element, height),
  );
}

function standing(line, height) {
  setAttr(line, "y1", ROOF - 8);
  setAttr(line, "y2", height - BOTTOM);
  return line;
}

/** Cuts and healings as lines with words; where many are close, not every line has its word. */
function moments(marks, x, width, height) {
  const labels = marks.map((mark) => {
    const words = mark.word ?? "";
    return { words, from: Math.min(x(mark.at_ms) + 3, width - RIGHT - wide(words) + 8) };
  });
  const lines = rows(labels);
  return marks.map((mark, at) =>
    s(
      "g",
      { class: `moment ${mark.kind}` },
      s("line", { x1: x(mark.at_ms), x2: x(mark.at_ms), y1: ROOF - 12, y2: height - BOTTOM }),
      s("title", null, `${clock(mark.at_ms)} ${mark.word ?? ""}`),
      mark.word && lines[at] !== null ? text(labels[at].from, ROOF - 4 + lines[at] * 14, mark.word, "start") : null,
    ),
  );
}

function grid(values, y, width, unit) {
  return s(
    "g",
    { class: "grid" },
    values.map((value) => [
      s("line", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
      text(LEFT - 6, y(value) + 4, unit(value), "end"),
    ]),
  );
}

/**
 * Bars side by side; `line` is a value to compare them with. Bars above `most` end there and say how long they
 * are. `axis(max)` writes values beside the grid, `ends` names the edges of all bars instead of the bars.
 */
export function bars(values, options) {
  const { width, height = 130, label, unit = String, line = null, lineWord = "", most = Infinity } = options;
  const { axis = () => unit, ticks = (max) => [0, max / 2, max], ends = null } = options;
  const max = Math.min(most, Math.max(line ?? 0, ...values.map((bar) => bar.value), 0)) || 1;
  const y = (value) => ROOF + (1 - Math.min(value, max) / max) * (height - ROOF - BOTTOM);
  const each = (width - LEFT - RIGHT) / Math.max(1, values.length);
  return frame(
    width,
    height,
    label,
    grid(ticks(max), y, width, axis(max)),
    values.map((bar, place) =>
      s(
        "rect",
        {
          class: "bar",
          x: (LEFT + place * each + 0.5).toFixed(1),
          width: Math.max(0.8, each - 1).toFixed(1),
          y: y(bar.value).toFixed(1),
          height: Math.max(0, height - BOTTOM - y(bar.value)).toFixed(1),
        },
        s("title", null, `${bar.name}: ${unit(bar.value)}`),
      ),
    ),
    tall(values, most, unit, (place) => LEFT + (place + 0.5) * each, width),
    line === null
      ? null
      : s(
          "g",
          { class: "moment heal" },
          s("line", { x1: LEFT, x2: width - RIGHT, y1: y(line), y2: y(line) }),
          text(width - RIGHT, y(line) - 3, lineWord, "end"),
        ),
    ends ? edges(ends, width, height) : null,
    values.length && !ends
      ? [text(LEFT, height - 6, values[0].name, "start"), text(width - RIGHT, height - 6, values.at(-1).name, "end")]
      : null,
  );
}

/** Bars that are cut off: a gap in the bar near its end, and its true value above where there is room. */
function tall(values, most, unit, x, width) {
  const cut = values.map((bar, place) => ({ bar, at: x(place) })).filter(({ bar }) => bar.value > most);
  const labels = cut.map(({ bar, at }) => {
    const words = unit(bar.value);
    const from = Math.max(LEFT, Math.min(width - RIGHT - wide(words) + 8, at - wide(words) / 2 + 4));
    return { words, from };
  });
  const places = rows(labels, 1);
  return cut.map(({ at }, place) =>
    s(
      "g",
      { class: "tall" },
      s("path", { d: `M${(at - 5).toFixed(1)} ${ROOF + 8}l10 -4M${(at - 5).toFixed(1)} ${ROOF + 12}l10 -4` }),
      places[place] === null ? null : text(labels[place].from, ROOF - 4, labels[place].words, "start"),
    ),
  );
}

/** Names some of the edges between bars evenly: the first, the last, and those halfway. */
function edges(ends, width, height) {
  const last = ends.length - 1;
  const many = width < 400 ? 2 : 4;
  const places = Array.from({ length: many + 1 }, (_, at) => (at / many) * last);
  return places.map((place) =>
    text(
      LEFT + (place / last) * (width - LEFT - RIGHT),
      height - 6,
      ends[place],
      place === 0 ? "start" : place === last ? "end" : "middle",
    ),
  );
}

/** A line through values, one for each block. */
export function line(values, { width, height = 130, label, unit = String }) {
  const max = Math.max(...values.map((point) => point.value), 0) * 1.1 || 1;
  const y = (value) => ROOF + (1 - value / max) * (height - ROOF - BOTTOM);
  const x = (place) => LEFT + (place / Math.max(1, values.length - 1)) * (width - LEFT - RIGHT);
  const d = values
    .map((point, place) => `${place ? "L" : "M"}${x(place).toFixed(1)} ${y(point.value).toFixed(1)}`)
    .join("");
  return frame(
    width,
    height,
    label,
    grid([0, max / 2, max], y, width, unit),
    s("path", { class: "line", d: d || "M0 0" }),
    values.length
      ? [text(LEFT, height - 6, values[0].name, "start"), text(width - RIGHT, height - 6, values.at(-1).name, "end")]
      : null,
  );
}

/** Values sorted into bins that grow by a third each: [{from, to, many}]. */
export function bins(sorted) {
  const found = [];
  let [from, at] = [0, 0];
  let to = 4;
  while (at < sorted.length) {
    let many = 0;
    while (at < sorted.length && sorted[at] < to) {
      many += 1;
      at += 1;
    }
    found.push({ from, to, many });
    from = to;
    to = Math.ceil(to * 1.35);
  }
  // Empty bins before the first value say nothing.
  while (found.length && !found[0].many) found.shift();
  return found;
}

/** A histogram of times with median, p90 and p99 written on it. */
export function histogram(sorted, options) {
  const found = bins(sorted);
  // Empty bins at the end, so that the edges that are named stand evenly.
  while (found.length % 4) {
    const { to } = found.at(-1);
    found.push({ from: to, to: Math.ceil(to * 1.35), many: 0 });
  }
  const words = timeScale(found.at(-1).to);
  return bars(
    found.map((bin) => ({ name: `${span(bin.from)}–${span(bin.to)}`, value: bin.many })),
    {
      ticks: wholes,
      ends: [found[0].from, ...found.map((bin) => bin.to)].map(words),
      ...options,
    },
  );
}

/** Median, p90, p99. */
export const spread = (sorted) => ({
  median: quantile(sorted, 0.5),
  p90: quantile(sorted, 0.9),
  p99: quantile(sorted, 0.99),
});
