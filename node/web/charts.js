// Small pictures of numbers: steps over time, bars, histograms. Plain SVG, text beside them says the same.

import { s } from "./dom.js";
import { clock, quantile, span } from "./format.js";

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

/** Steps over time, at most a few points for each pixel. `points` are [at, value] in order. */
export function steps(points, { width, height = 150, from, to, max, label, unit = String, marks = [], cursor = null }) {
  const x = (at) => LEFT + ((at - from) / (to - from || 1)) * (width - LEFT - RIGHT);
  const y = (value) => ROOF + (1 - value / (max || 1)) * (height - ROOF - BOTTOM);
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
  const lines = marks
    .filter((mark) => mark.at_ms >= from && mark.at_ms <= to)
    .map((mark) =>
      s(
        "g",
        { class: `moment ${mark.kind}` },
        s("line", { x1: x(mark.at_ms), x2: x(mark.at_ms), y1: ROOF - 4, y2: height - BOTTOM }),
        mark.word
          ? text(
              x(mark.at_ms) + (x(mark.at_ms) > width - 60 ? -3 : 3),
              // Two rows, so that a cut and a healing close to each other can both be read.
              mark.kind === "heal" ? ROOF + 10 : ROOF - 4,
              mark.word,
              x(mark.at_ms) > width - 60 ? "end" : "start",
            )
          : null,
      ),
    );
  return frame(
    width,
    height,
    label,
    grid([0, max / 2, max], y, width, unit),
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
    cursor === null
      ? null
      : s("line", { class: "cursor", x1: x(cursor), x2: x(cursor), y1: ROOF - 8, y2: height - BOTTOM }),
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

/** Bars side by side; `line` is a value to compare them with. */
export function bars(values, { width, height = 130, label, unit = String, line = null, lineWord = "" }) {
  const max = Math.max(line ?? 0, ...values.map((bar) => bar.value), 0) || 1;
  const y = (value) => ROOF + (1 - value / max) * (height - ROOF - BOTTOM);
  const wide = (width - LEFT - RIGHT) / Math.max(1, values.length);
  return frame(
    width,
    height,
    label,
    grid([0, max / 2, max], y, width, unit),
    values.map((bar, place) =>
      s(
        "rect",
        {
          class: "bar",
          x: (LEFT + place * wide + 0.5).toFixed(1),
          width: Math.max(0.8, wide - 1).toFixed(1),
          y: y(bar.value).toFixed(1),
          height: Math.max(0, height - BOTTOM - y(bar.value)).toFixed(1),
        },
        s("title", null, `${bar.name}: ${unit(bar.value)}`),
      ),
    ),
    line === null
      ? null
      : s(
          "g",
          { class: "moment heal" },
          s("line", { x1: LEFT, x2: width - RIGHT, y1: y(line), y2: y(line) }),
          text(width - RIGHT, y(line) - 3, lineWord, "end"),
        ),
    values.length
      ? [text(LEFT, height - 6, values[0].name, "start"), text(width - RIGHT, height - 6, values.at(-1).name, "end")]
      : null,
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
  return bars(
    found.map((bin) => ({ name: `${span(bin.from)}–${span(bin.to)}`, value: bin.many })),
    {
      unit: (value) => String(Math.round(value)),
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
