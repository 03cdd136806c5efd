// Positions of the marks of a report's nodes: groups one after another, rows in each, all within a height. Pure.

/** What a mark takes with the room around it, in pixels. */
const SIZES = [40, 36, 32, 28, 24, 21, 18, 16, 14, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
/** Marks are made smaller until all are within this height, which is more where there is less width. */
const highest = (width) => (width < 480 ? 480 : 420);
/** Pixels of a group's name, and between two groups. */
export const NAME = 22;
const GAP = 10;
/** About how wide a letter of a name is. */
const LETTER = 7.5;

/** The places of nodes in ranges ([{name, first, nodes}]), within a width. */
export function placesOf(ranges, width) {
  let found = null;
  for (const size of SIZES) {
    found = fill(ranges, width, size);
    if (found.height <= highest(width)) break;
  }
  return found;
}

function fill(ranges, width, size) {
  const columns = Math.max(1, Math.floor(width / size));
  const name = ranges.some((range) => range.name) ? NAME : 0;
  const boxes = [];
  let [x, y, below] = [0, 0, 0];
  for (const range of ranges) {
    const wide = range.nodes < columns ? Math.max(range.nodes * size, name && range.words.length * LETTER) : width;
    // Small groups are side by side.
    if (x && x + wide > width) [x, y] = [0, below + GAP];
    const rows = Math.ceil(range.nodes / columns);
    boxes.push({ range, x, y, top: y + name, wide: Math.min(wide, width), columns: Math.min(columns, range.nodes) });
    below = Math.max(below, y + name + rows * size);
    x += wide + size;
  }
  return { size, boxes, height: below };
}

/** The box of a node's mark. */
export function markOf({ size, boxes }, node) {
  const box = boxOf(boxes, node);
  const place = node - box.range.first;
  return {
    x: box.x + (place % box.columns) * size,
    y: box.top + Math.floor(place / box.columns) * size,
    w: size,
    h: size,
  };
}

/** The box of the group that a node is in. */
export const boxOf = (boxes, node) => boxes.findLast(({ range }) => range.first <= node);

/** The node whose mark is at a point, or null. */
export function nodeAt({ size, boxes }, x, y) {
  for (const { range, columns, ...box } of boxes) {
    const [column, row] = [Math.floor((x - box.x) / size), Math.floor((y - box.top) / size)];
    const place = row * columns + column;
    if (column >= 0 && column < columns && row >= 0 && place < range.nodes) return range.first + place;
  }
  return null;
}

/** The node above or below another: in its group, else in the one before or after it. */
export function nodeBeside({ boxes }, node, way) {
  const at = boxes.indexOf(boxOf(boxes, node));
  const { range, columns } = boxes[at];
  const place = node - range.first;
  const wanted = place + way * columns;
  if (wanted >= 0 && wanted < range.nodes) return range.first + wanted;
  // The last row may be short.
  const lastRow = Math.floor((range.nodes - 1) / columns);
  if (way > 0 && Math.floor(place / columns) < lastRow) return range.first + range.nodes - 1;
  const other = boxes[at + way];
  if (!other) return node;
  const column = Math.min(place % columns, other.columns - 1);
  const row = way > 0 ? 0 : Math.floor((other.range.nodes - 1) / other.columns);
  return other.range.first + Math.min(other.range.nodes - 1, row * other.columns + column);
}
