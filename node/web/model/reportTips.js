// The tips of a report's nodes at any moment, and the check that a report's tips can be used. Pure.

import { foreign } from "../lib/format.js";

/** More nodes than a scenario may have are a fault of the report. */
export const MOST_NODES = 20_000;
/** Four times as many changes as a report is written with. */
const MOST_CHANGES = 1_000_000;
/** Groups that have a name of their own; the rest share one, so that names leave room for nodes. */
const MOST_GROUPS = 24;

const isMissing = (value) => value === null || value === undefined;
const isLate = (value) => Number.isFinite(value) && value >= 0;
const isPlace = (value, end) => Number.isInteger(value) && value >= 0 && value < end;

/** The first thing that is wrong with a report's tips, in words, or null. Older reports have none. */
export function faultOfTips({ tips, nodes, blocks }) {
  if (isMissing(tips)) return null;
  if (!Array.isArray(tips.changes)) return "“tips” has no list of changes";
  if (!isMissing(tips.until_ms) && !isLate(tips.until_ms)) return "“tips” has no usable until_ms";
  if (!isPlace(nodes, MOST_NODES + 1)) return "“nodes” is not a whole number up to 20,000";
  if (tips.changes.length > MOST_CHANGES) return "“tips” has more than 1,000,000 changes";
  let before = 0;
  for (const [place, change] of tips.changes.entries()) {
    const fault = (what) => `entry ${place + 1} of “tips” ${what}`;
    if (!Array.isArray(change)) return fault("is not a change of a tip");
    const [at, node, tip] = change;
    if (!isLate(at)) return fault("has no usable time");
    if (at < before) return fault("is earlier than the one before it");
    if (!isPlace(node, nodes)) return fault("names a node that does not exist");
    if (tip !== null && !isPlace(tip, blocks.length + 1)) return fault("names a block that does not exist");
    before = at;
  }
  return null;
}

/** A node that is down has this tip. */
export const DOWN = -1;
const NEVER = -1;

/** The tips at a moment, which `seek` chooses. */
export class Tips {
  /** Takes a report that `faultOfTips` found nothing wrong with. */
  constructor({ tips, nodes, blocks }) {
    const { changes } = tips;
    this.until = tips.until_ms ?? Infinity;
    this.nodes = nodes;
    // One place for each change. `before` is the same node's earlier one: so a change can be undone as fast as done.
    this.times = new Float64Array(changes.length);
    this.who = new Int32Array(changes.length);
    this.what = new Int32Array(changes.length);
    this.before = new Int32Array(changes.length);
    this.latest = new Int32Array(nodes).fill(NEVER);
    this.many = 0;
    for (const [at, node, tip] of changes) this.keep(at, node, tip ?? DOWN);
    this.latest.fill(NEVER);
    // How many nodes have each tip, the tips that any has, and where each of them is among those.
    this.counts = new Int32Array(blocks.length + 1);
    this.held = new Int32Array(Math.min(nodes, blocks.length + 1));
    this.places = new Int32Array(blocks.length + 1);
    this.tips = 0;
    this.down = nodes;
    this.done = 0;
    this.changes = 0;
    this.isKnown = this.until > 0;
  }

  keep(at, node, tip) {
    const before = this.latest[node];
    if ((before === NEVER ? DOWN : this.what[before]) === tip) return;
    this.times[this.many] = at;
    this.who[this.many] = node;
    this.what[this.many] = tip;
    this.before[this.many] = before;
    this.latest[node] = this.many;
    this.many += 1;
  }

  /** Goes to a moment; `changes` grows when anything is different there. */
  seek(at) {
    const wanted = this.after(at);
    const isKnown = at < this.until;
    if (wanted === this.done && isKnown === this.isKnown) return;
    while (this.done < wanted) {
      this.move(this.who[this.done], this.done);
      this.done += 1;
    }
    while (this.done > wanted) {
      this.done -= 1;
      this.move(this.who[this.done], this.before[this.done]);
    }
    this.isKnown = isKnown;
    this.changes += 1;
    this.found = null;
  }

  /** Calls `take(from, to, at)` for every change in order. */
  eachMove(take) {
    for (let change = 0; change < this.many; change += 1) {
      const before = this.before[change];
      take(before === NEVER ? DOWN : this.what[before], this.what[change], this.times[change]);
    }
  }

  /** How many changes there are up to a moment. */
  after(at) {
    let [low, high] = [0, this.many];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle] <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  move(node, change) {
    this.step(this.tipOf(node), -1);
    this.latest[node] = change;
    this.step(this.tipOf(node), 1);
  }

  /** One node more or less has a tip. */
  step(tip, by) {
    if (tip === DOWN) {
      this.down += by;
      return;
    }
    this.counts[tip] += by;
    if (by > 0 && this.counts[tip] === 1) {
      this.places[tip] = this.tips;
      this.held[this.tips] = tip;
      this.tips += 1;
    } else if (!this.counts[tip]) {
      this.tips -= 1;
      const last = this.held[this.tips];
      this.held[this.places[tip]] = last;
      this.places[last] = this.places[tip];
    }
  }

  /** The tip of a node: 0 is genesis, n the report's block n - 1, and `DOWN` is none. */
  tipOf(node) {
    const change = this.latest[node];
    return change === NEVER ? DOWN : this.what[change];
  }

  /** Since when a node is where it is, or null when it was never elsewhere. */
  sinceOf(node) {
    const change = this.latest[node];
    return change === NEVER ? null : this.times[change];
  }

  /** Every tip that a node has, those of most nodes first: [{tip, many}]. */
  get list() {
    this.found ??= [...this.held.subarray(0, this.tips)]
      .map((tip) => ({ tip, many: this.counts[tip] }))
      .sort((a, b) => b.many - a.many || b.tip - a.tip);
    return this.found;
  }
}

/** The plan's groups as ranges of nodes that cover every node once: [{name, first, nodes}]. */
export function rangesOf({ groups, nodes }) {
  const ranges = [];
  let next = 0;
  const add = (name, end) => {
    if (end > next) ranges.push({ name, first: next, nodes: end - next });
    next = Math.max(next, end);
  };
  for (const group of Array.isArray(groups) ? groups : []) {
    if (!isPlace(group?.first, nodes) || !isPlace(group.nodes, nodes + 1) || group.first < next) continue;
    if (ranges.length >= MOST_GROUPS) break;
    add("", group.first);
    add(typeof group.name === "string" ? foreign(group.name) : "", Math.min(nodes, group.first + group.nodes));
  }
  add(ranges.length ? "others" : "", nodes);
  return ranges;
}
