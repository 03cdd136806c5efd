// The history of partitions and of nodes that were down. Propagation is measured only between nodes that could
// reach each other all the time. Pure.

import { sameGroups } from "./groups.js";

/** Spells kept. */
const MOST = 500;

export class PartitionHistory {
  constructor() {
    this.spells = []; // {from, until, groups} of a cut, {from, until, node} of a node that was down
  }

  /** The network's groups are these from now on. Unknown groups separate all nodes. */
  cut(groups, at) {
    const open = this.open((spell) => spell.node === undefined);
    if (open?.groups && groups && sameGroups(open.groups, groups)) return;
    if (open) open.until = at;
    if (!groups || groups.length > 1) this.add({ from: at, until: Infinity, groups });
  }

  /** A node ended, or runs again. */
  life(node, isUp, at) {
    const open = this.open((spell) => spell.node === node);
    if (isUp && open) open.until = at;
    // It was down before anything was known of it.
    else if (isUp) this.add({ from: -Infinity, until: at, node });
    else if (!open) this.add({ from: at, until: Infinity, node });
  }

  open(is) {
    return this.spells.find((spell) => spell.until === Infinity && is(spell));
  }

  add(spell) {
    this.spells.push(spell);
    if (this.spells.length > MOST) this.spells.splice(0, MOST / 10);
  }

  /** Reads what happened before the page was opened from marks. */
  read(marks) {
    for (const { kind, node, groups, at_ms: at } of marks) {
      if (groups) this.cut(groups, at);
      else if (Number.isInteger(node)) this.life(node, kind === "restart", at);
    }
  }

  /** Those of the spells that some part of this time fell into. */
  during(from, until) {
    return this.spells.filter((spell) => spell.from <= until && spell.until >= from);
  }
}

/** Whether a spell kept one node's blocks from another node. */
export function parts(spell, one, other) {
  if (spell.node !== undefined) return spell.node === other;
  const of = (id) => spell.groups.findIndex((group) => group.includes(id));
  return !spell.groups || of(one) !== of(other);
}
