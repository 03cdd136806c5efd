// A fork point left of the view. While two of its branches are in view it is drawn at the left edge, with the number
// of blocks that are not drawn, so that no branch begins in the air. `pinOf` is pure.

import { firstAt } from "../model/treeLayout.js";
import { count } from "../lib/format.js";

/** Pixels at the left that a pinned fork takes: less where the branch that is in view is short, and then no words. */
const ZONES = [92, 72, 52];
/** The middle of the fork's box. */
export const PINNED = 20;

/** Blocks in view right of `edge` whose parents are left of it. */
function roots(blocks, edge, last) {
  const found = [];
  for (let at = firstAt(blocks, edge); at < last; at += 1) {
    const { parent } = blocks[at];
    if (parent && parent.x < edge) found.push(blocks[at]);
  }
  return found;
}

/** The last block that all of these descend from, or none that is known. No block is passed twice. */
function common(blocks) {
  let fork = blocks[0].parent;
  const above = new Set();
  for (let block of blocks) {
    while (block !== fork && !above.has(block)) {
      if (!block || !fork) return null;
      const isHigher = block.height >= fork.height;
      above.add(isHigher ? block : fork);
      if (isHigher) block = block.parent;
      else fork = fork.parent;
    }
  }
  return fork;
}

/** The fork to pin and its branches, or null when every branch in view hangs on something in view. */
export function pinOf(blocks, left, zoom, last, box) {
  if (roots(blocks, left + 0.3, last).length < 2) return null;
  for (const zone of ZONES) {
    const edge = left + (zone + box.w / 2) / zoom;
    const found = roots(blocks, edge, last);
    if (found.length < 2) continue;
    const fork = common(found);
    const branches = found.map((root) => ({ root, hidden: root.height - fork?.height - 1 }));
    return fork ? { fork, edge, zone, branches } : null;
  }
  return null;
}

/** Paints the ways from the fork to what is in view; the fork itself is painted as a block. */
export function paintPin(context, pin, { view, xOf, colourOf, colours, font }) {
  const ys = pin.branches.map(({ root }) => view.laneY(root.lane));
  pin.y = Math.max(Math.min(...ys), Math.min(Math.max(...ys), view.laneY(pin.fork.lane)));
  context.lineWidth = 2;
  context.font = `10px ${font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  pin.branches.forEach(({ root, hidden }, place) => {
    const y = ys[place];
    if (y < -view.height || y > 2 * view.height) return;
    const turn = PINNED + view.box.w / 2 + 14;
    context.strokeStyle = colourOf(root);
    context.setLineDash(hidden ? [2, 4] : []);
    context.beginPath();
    context.moveTo(PINNED, pin.y);
    context.bezierCurveTo(turn, pin.y, turn - 14, y, turn, y);
    context.lineTo(xOf(root.x), y);
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = colours.soft;
    if (hidden && pin.zone === ZONES[0]) context.fillText(count(hidden, "block"), (turn + pin.zone) / 2, y - 9);
  });
}
