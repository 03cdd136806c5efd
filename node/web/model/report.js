// A simulator's report as a model that shows any moment of it. Pure.

import { World } from "./world.js";
import { faultOfTips } from "./reportTips.js";
import { TipPositions, fewNodes } from "./tipPositions.js";

/** A report's text, read and held against what is needed of it. */
export function readReport(text) {
  let report;
  try {
    report = JSON.parse(text);
  } catch {
    throw new Error("The file is not JSON: choose the report.json that a scenario's report holds.");
  }
  if (!Array.isArray(report?.blocks) || !Array.isArray(report.agreement) || !Array.isArray(report.timeline)) {
    throw new Error("The file is not a scenario's report: it lacks blocks, agreement or timeline.");
  }
  const fault = faultOf(report);
  if (fault) throw new Error(`This report is damaged: ${fault}.`);
  // Drawing and searching take them in order of time.
  for (const list of [report.agreement, report.timeline]) list.sort((a, b) => a.at_ms - b.at_ms);
  return report;
}

const isText = (value) => typeof value === "string";
const isLate = (value) => Number.isFinite(value) && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
const isMissing = (value) => value === null || value === undefined;
const maybe = (is) => (value) => isMissing(value) || is(value);

/** Fields of a report's head, with the check of each. */
const HEAD = {
  teaches: isText,
  engine: isText,
  seed: Number.isFinite,
  spacing_ms: isLate,
  reorganizations_in_all: isLate,
  deepest: isLate,
  stale: ({ stale }) => isMissing(stale) || isLate(stale),
};

/** More entries than this are a fault of the report: several times what the longest scenario writes. */
const MOST = { blocks: 100_000, agreement: 20_000, timeline: 100_000, convergence: 10_000, expectations: 5_000 };

/** Fields of the entries of each list, with the check of each. Optional ones are marked with `maybe`. */
const NEEDED = {
  blocks: [
    ["hash", isText],
    ["height", isLate],
    ["at_ms", isLate],
    // Work is the one number that outgrows the others.
    ["hashes", maybe((value) => Number.isFinite(value) && value >= 0 && value <= 2 ** 64)],
    ["parent", (value, report) => isMissing(value) || (Number.isInteger(value) && Boolean(report.blocks[value]))],
    ["miner", maybe(isLate)],
    ["transactions", maybe(isLate)],
    ["reached", maybe(isLate)],
  ],
  agreement: [
    ["at_ms", isLate],
    ["share", (value) => isLate(value) && value <= 1_000_000],
  ],
  timeline: [
    ["at_ms", isLate],
    ["text", isText],
    ["kind", maybe(isText)],
  ],
  convergence: [
    ["at_ms", isLate],
    ["after", maybe(isText)],
    ["took_ms", maybe(isLate)],
  ],
  expectations: [
    ["expected", isText],
    ["found", maybe(isText)],
  ],
};

/** The first thing that is wrong with a report, in words, or null. */
function faultOf(report) {
  if (!isText(report.name)) return "it has no name";
  if (!isLate(report.lasted_ms)) return "it does not say how long it lasted (lasted_ms)";
  if (!isLate(report.nodes)) return "it does not say how many nodes there were (nodes)";
  const unusable = Object.keys(HEAD).find((name) => !isMissing(report[name]) && !HEAD[name](report[name]));
  if (unusable) return `it has no usable “${unusable}”`;
  for (const [list, fields] of Object.entries(NEEDED)) {
    const entries = report[list] ?? [];
    if (!Array.isArray(entries)) return `“${list}” is not a list`;
    if (entries.length > MOST[list]) return `“${list}” has more than ${MOST[list].toLocaleString("en")} entries`;
    for (const [place, entry] of entries.entries()) {
      const field = fields.find(([name, is]) => !is(entry?.[name], report))?.[0];
      if (field) return `entry ${place + 1} of “${list}” has no usable “${field}”`;
    }
  }
  return faultOfTips(report);
}

/** A world of the report's blocks. Its `tipPositions` are the tips of the nodes, if the report has them. */
export function worldOf(report) {
  const world = new World();
  world.beginsAtGenesis = true;
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
  world.load({
    kind: "report",
    now_ms: report.lasted_ms,
    chain: { name: report.name, genesis_hash: "genesis", spacing_ms: report.spacing_ms ?? 1000 },
    nodes: fewNodes(report),
    groups: [[]],
    blocks,
    agreement: report.agreement.map((point) => [point.at_ms, point.share / 10_000, point.tips]),
  });
  // Not loaded with the rest: a world reads its partitions from marks, and those of a report have another form.
  world.marks = marksOf(report);
  world.leaders = leaders(world.ordered);
  world.tipPositions = report.tips ? new TipPositions(report, world) : null;
  return world;
}

/** Cuts and healings; a healing knows how long agreement took after it. */
function marksOf({ timeline, convergence }) {
  const took = new Map((convergence ?? []).map((one) => [one.at_ms, one.took_ms ?? 0]).reverse());
  const marks = [];
  for (const line of timeline) {
    if (["partition", "heal"].includes(line.kind)) marks.push({ ...line, took_ms: took.get(line.at_ms) ?? 0 });
  }
  return marks;
}

/** For each block the one that had most work when it was found. */
function leaders(blocks) {
  let best = null;
  return blocks.map((block) => (best = !best || block.work > best.work ? block : best));
}

/** Shows the world as it was: blocks up to a moment, the best of them, and the tips of nodes if they are recorded. */
export function showUntil(world, at) {
  let [low, high] = [0, world.ordered.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (world.ordered[middle].at_ms <= at) low = middle + 1;
    else high = middle;
  }
  if (world.shown === low && world.until === at) return;
  world.shown = low;
  world.until = at;
  const { tipPositions } = world;
  const isTold = tipPositions?.show(at);
  world.setBest((isTold && tipPositions.best) || (world.leaders[low - 1] ?? null));
  if (isTold) world.setHeld();
  else holdBranches(world, apartSince(world.marks, at));
  colour(world);
  if (isTold) tipPositions.setLooks();
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
export function apartSince(marks, at) {
  let since = null;
  for (const mark of marks) {
    if (mark.at_ms > at) break;
    if (mark.kind === "partition") since ??= mark.at_ms;
    else if (mark.at_ms + mark.took_ms <= at) since = null;
  }
  return since;
}

/** During a partition, nodes mine on every branch that has grown since it began. */
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
