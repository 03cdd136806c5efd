// The tips of a report's nodes in its block tree at a moment, and the look of each. Pure.

import { DOWN, Tips } from "./reportTips.js";
import { SLOTS } from "./treeLayout.js";

/** Up to this many nodes have a mark each in the tree; more are counted. */
const FEW = 64;

/** Looks are small numbers: a slot, a slot of those behind, or one of these two. */
export const BEHIND = SLOTS;
export const HOLLOW = 2 * SLOTS;
export const UNTOLD = HOLLOW + 1;

/** Nodes for the world of a report: none when it has no tips, or when the nodes are too many. */
export const fewNodes = ({ tips, nodes }) =>
  tips && nodes <= FEW ? Array.from({ length: nodes }, (_, id) => ({ id, up: false })) : [];

export class TipPositions {
  /** `world` holds the report's blocks. */
  constructor(report, world) {
    Object.assign(this, { report, world, tips: new Tips(report) });
    this.blocks = report.blocks.map(({ hash }) => world.blocks.get(hash) ?? null);
    this.looks = new Uint8Array(report.blocks.length + 1);
    this.colourBranches();
  }

  blockOf(tip) {
    return tip === 0 ? (this.world.blocks.get("genesis") ?? null) : this.blocks[tip - 1];
  }

  hashOf(tip) {
    return tip === 0 ? "genesis" : this.report.blocks[tip - 1].hash;
  }

  heightOf(tip) {
    return tip === 0 ? 0 : this.report.blocks[tip - 1].height;
  }

  /** Gives each branch the first colour that no other branch has while nodes have tips on both. */
  colourBranches() {
    const spells = this.spells();
    // Spells of one colour never overlap, and are kept in order of time.
    const known = Array.from({ length: SLOTS }, () => []);
    for (const { branch, parent } of this.world.ordered) {
      if (!parent || branch === parent.branch) continue;
      const spell = spells.get(branch);
      const near = [parent.branch.slot, this.world.ordered[0].branch.slot];
      const isTaken = (slot) => near.includes(slot) || (spell && meets(known[slot], spell));
      branch.slot = 0;
      while (branch.slot < SLOTS - 1 && isTaken(branch.slot)) branch.slot += 1;
      // The last colour is for all who find no other.
      if (spell?.from < spell?.to && branch.slot < SLOTS - 1) {
        known[branch.slot].splice(before(known[branch.slot], spell.from), 0, spell);
      }
    }
  }

  /** The time during which nodes had tips on each branch. */
  spells() {
    const spells = new Map();
    const spellOf = (tip) => {
      const branch = tip === DOWN ? null : this.blockOf(tip)?.branch;
      if (branch && !spells.has(branch)) spells.set(branch, { from: Infinity, to: Infinity, many: 0 });
      return spells.get(branch);
    };
    this.tips.eachMove((from, to, at) => {
      const [left, entered] = [spellOf(from), spellOf(to)];
      if (entered) {
        entered.from = Math.min(entered.from, at);
        entered.to = Infinity;
        entered.many += 1;
      }
      if (left) left.many -= 1;
      if (left?.many === 0) left.to = at;
    });
    return spells;
  }

  /** Gives the nodes the tips that they had. Returns whether these are recorded. */
  show(at) {
    this.tips.seek(at);
    const { world, tips } = this;
    const { isKnown } = tips;
    world.tips = isKnown
      ? tips.list.map(({ tip, many }) => ({ tip, many, hash: this.hashOf(tip), block: this.blockOf(tip) }))
      : [];
    for (const node of world.nodes.values()) {
      const tip = tips.tipOf(node.id);
      node.up = isKnown && tip !== DOWN;
      node.tip = node.up ? this.hashOf(tip) : null;
    }
    return isKnown;
  }

  /** The tip with most work, or null while all are down. */
  get best() {
    let best = null;
    for (const { block } of this.world.tips) if (block && (!best || block.work > best.work)) best = block;
    return best;
  }

  /** Gives each tip its look, once the world has its colours: paler where another node is further on the way. */
  setLooks() {
    const { tips } = this.world;
    const lowest = Math.min(...tips.map(({ block }) => block?.height ?? Infinity));
    const passed = new Set();
    for (const { block } of tips) {
      let earlier = block?.parent;
      for (; earlier && earlier.height >= lowest && !passed.has(earlier); earlier = earlier.parent) passed.add(earlier);
    }
    for (const { tip, hash, block } of tips) {
      this.looks[tip] = this.world.slotOf(hash) + (!block || passed.has(block) ? BEHIND : 0);
    }
  }

  lookOf(node) {
    if (!this.tips.isKnown) return UNTOLD;
    const tip = this.tips.tipOf(node);
    return tip === DOWN ? HOLLOW : this.looks[tip];
  }
}

/** How many of some spells, which stand in order, begin before a moment. */
function before(spells, at) {
  let [low, high] = [0, spells.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spells[middle].from < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether a spell has time in common with one of these, which have none with each other. */
const meets = (spells, { from, to }) => spells[before(spells, to) - 1]?.to > from;
