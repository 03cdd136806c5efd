// A simulator's report as a model that can be looked at as it was at any moment. Pure.

import { World } from "./model.js";
import { faultOfTips } from "./reporttips.js";
import { Stand, fewNodes } from "./stand.js";

/** A report's text, read and held against what is needed of it. */
export function readReport(text) {
  let report;
  try {
    report = JSON.parse(text);
  } catch {
    throw new Error("That is no JSON: choose the report.json that a scenario's report holds.");
  }
  if (!Array.isArray(report?.blocks) || !Array.isArray(report.agreement) || !Array.isArray(report.timeline)) {
    throw new Error("That is no report of a scenario: it lacks blocks, agreement or timeline.");
  }
  const fault = faultOf(report);
  if (fault) throw new Error(`This report is damaged: ${fault}.`);
  return report;
}

const isText = (value) => typeof value === "string";
const isLate = (value) => Number.isFinite(value) && value >= 0;
const isMissing = (value) => value === null || value === undefined;

/** What each entry of a list must hold, and how to tell. What may be missing says so itself. */
const NEEDED = {
  blocks: [
    ["hash", isText],
    ["height", isLate],
    ["at_ms", isLate],
    ["hashes", (value) => isMissing(value) || isLate(value)],
    ["parent", (value, report) => isMissing(value) || Boolean(report.blocks[value])],
  ],
  agreement: [
    ["at_ms", isLate],
    ["share", isLate],
  ],
  timeline: [
    ["at_ms", isLate],
    ["text", isText],
  ],
  convergence: [["at_ms", isLate]],
  expectations: [["expected", isText]],
};

/** The first thing that is wrong with a report, in words, or null. */
function faultOf(report) {
  if (!isText(report.name)) return "it has no name";
  if (!isLate(report.lasted_ms)) return "it does not say how long it lasted (lasted_ms)";
  if (!isLate(report.nodes)) return "it does not say how many nodes there were (nodes)";
  for (const [list, fields] of Object.entries(NEEDED)) {
    const entries = report[list] ?? [];
    if (!Array.isArray(entries)) return `“${list}” is no list`;
    for (const [place, entry] of entries.entries()) {
      const field = fields.find(([name, is]) => !is(entry?.[name], report))?.[0];
      if (field) return `entry ${place + 1} of “${list}” has no usable “${field}”`;
    }
  }
  return faultOfTips(report);
}

/** A world of the report's blocks. Who stands on them, if the report tells it, is its `stand`. */
export function worldOf(report) {
  const world = new World();
  const works = [];
  const blocks = report.blocks.map((block, place) => {
    const parent = block.parent === null || block.parent === undefined ? null : block.parent;
    works[place] = (parent === null ? 0n : (works[parent] ?? 0n)) + BigInt(Math.max(1, Math.round(block.hashes ?? 1)));
    return {
      hash: block.hash,
      previous: parent === null ? "genesis" : report.blocks[parent].hash,
      height: block.height,
      at_ms: block.at_ms,
      time_ms: block.at_ms,
      chainwork: works[place].toString(16),
      transactions: (block.transactions ?? 0) + 1,
      size: 0,
      miner: block.miner ?? null,
      tag: "",
      got: [],
      reached: block.reached,
      propagation: block.propagation,
    };
  });
  blocks.sort((a, b) => a.at_ms - b.at_ms);
  const kinds = { cut: "partition", healed: "heal" };
  world.load({
    kind: "report",
    now_ms: report.lasted_ms,
    chain: { name: report.name, genesis_hash: "genesis", spacing_ms: report.spacing_ms ?? 1000 },
    nodes: fewNodes(report),
    groups: [[]],
    blocks,
    agreement: report.agreement.map((point) => [point.at_ms, point.share / 10_000, point.tips]),
    marks: report.timeline
      .filter((line) => kinds[line.text.split(/[:,]/)[0]])
      .map((line) => ({ ...line, kind: kinds[line.text.split(/[:,]/)[0]] })),
  });
  world.leaders = leaders(world.ordered);
  world.stand = report.tips ? new Stand(report, world) : null;
  return world;
}

/** For each block the one that had most work when it was found. */
function leaders(blocks) {
  let best = null;
  return blocks.map((block) => (best = !best || block.work > best.work ? block : best));
}

/** Shows the world as it was: only blocks up to then, which of them was best, and who stood where if that is told. */
export function showUntil(world, at, convergence = []) {
  let [low, high] = [0, world.ordered.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (world.ordered[middle].at_ms <= at) low = middle + 1;
    else high = middle;
  }
  if (world.shown === low && world.until === at) return;
  world.shown = low;
  world.until = at;
  const { stand } = world;
  const isTold = stand?.show(at);
  world.setBest((isTold && stand.best) || (world.leaders[low - 1] ?? null));
  if (isTold) world.setHeld();
  else holdBranches(world, apartSince(world.marks, convergence, at));
  colour(world);
  if (isTold) stand.setLooks();
}

/** As the world does while it goes on; but what rivals have in common has the colour it had where they part. */
function colour(world) {
  world.colour();
  let block = world.best;
  if (!block || world.forkHeight === Infinity) return;
  while (block.parent && block.height > world.forkHeight) block = block.parent;
  world.mainSlot = block.branch.slot;
}

/** When the cut was made that still divides the nodes, or null; a healing ends it once all agree. */
export function apartSince(marks, convergence, at) {
  let since = null;
  for (const mark of marks) {
    if (mark.at_ms > at) break;
    if (mark.kind === "partition") since ??= mark.at_ms;
    else if (mark.kind === "heal") {
      const took = convergence.find((one) => one.at_ms === mark.at_ms)?.took_ms ?? 0;
      if (mark.at_ms + took <= at) since = null;
    }
  }
  return since;
}

/** While nodes are apart, somebody works on every branch that grew since. */
function holdBranches(world, since) {
  world.held = new Map();
  if (since === null) return;
  for (let place = world.shown - 1; place >= 0 && world.ordered[place].at_ms >= since; place -= 1) {
    let block = world.ordered[place];
    for (; block && !block.main && !world.held.has(block); block = block.parent) world.held.set(block, null);
  }
}

/** The last line of the timeline that is not after a moment. */
export function lineAt(timeline, at) {
  let found = -1;
  for (const [place, line] of timeline.entries()) {
    if (line.at_ms > at) break;
    found = place;
  }
  return found;
}
