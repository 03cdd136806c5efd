// Layout of the block tree: the place of each block along the time axis, its lane and its branch. Pure.
// Blocks are added one by one and never move, so a picture of thousands of them does not change.

/** Steps between a block and its parent at the least; one step is what a block takes. */
const GAP = 1.35;
/** Limit of the space for a time without blocks, in steps. */
const LONGEST = 5;
/** Lanes that are looked at together. */
const SHEAF = 64;
/** Number of colours and signs for branches. */
export const SLOTS = 8;

/** A new layout; `spacing` is the wanted time between blocks. */
export class TreeLayout {
  constructor(spacing) {
    this.perMs = 1 / Math.max(1, spacing);
    this.ends = []; // the last block of each lane
    this.least = []; // for each sheaf of lanes, what none of its ends is left of: ends only ever go right
    this.lastX = 0;
    this.lastAt = null;
    this.branches = 0;
  }

  /** Places a block: gives it `x`, `lane` and `branch`. `isTaken(slot)` is whether a colour is in use. */
  place(block, parent, isTaken = () => false) {
    const passed = this.lastAt === null ? 0 : Math.max(0, block.at_ms - this.lastAt);
    const wanted = this.lastX + Math.min(LONGEST, passed * this.perMs);
    block.x = Math.max(wanted, parent ? parent.x + GAP : wanted);
    this.lastX = block.x;
    this.lastAt = Math.max(this.lastAt ?? block.at_ms, block.at_ms);
    if (parent && this.ends[parent.lane] === parent) {
      block.lane = parent.lane;
      block.branch = parent.branch;
    } else {
      block.lane = this.free(parent ? parent.x : block.x - GAP, parent);
      block.branch = this.branch(isTaken);
    }
    this.ends[block.lane] = block;
    return block;
  }

  /** The first lane that is free from here on. */
  free(from, parent) {
    const edge = from - 2 * GAP;
    for (let first = 0; first < this.ends.length; first += SHEAF) {
      if (this.least[first / SHEAF] >= edge) continue;
      const sheaf = this.ends.slice(first, first + SHEAF);
      const found = sheaf.findIndex(({ x }, place) => x < edge && first + place !== parent?.lane);
      if (found >= 0) return first + found;
      this.least[first / SHEAF] = Math.min(...sheaf.map(({ x }) => x));
    }
    return this.ends.length;
  }

  branch(isTaken) {
    let slot = 0;
    while (slot < SLOTS - 1 && isTaken(slot)) slot += 1;
    return { id: this.branches++, slot };
  }

  /** Where a moment is on the axis, beyond the last block. */
  xOf(at) {
    return this.lastAt === null ? 0 : this.lastX + Math.min(LONGEST, Math.max(0, at - this.lastAt) * this.perMs);
  }
}

/** The place of the first of some blocks, which stand in order of x, that is not left of x. */
export function firstAt(blocks, x) {
  let [low, high] = [0, blocks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (blocks[middle].x < x) low = middle + 1;
    else high = middle;
  }
  return low;
}
