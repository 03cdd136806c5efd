import assert from "node:assert/strict";
import { test } from "node:test";

import { apartSince, lineAt, readReport, showUntil, worldOf } from "../../node/web/model/report.js";
import { DOWN, Tips, faultOfTips, rangesOf } from "../../node/web/model/reportTips.js";
import { markOf, nodeAt, nodeBeside, placesOf } from "../../node/web/reports/nodePositions.js";

const report = () => ({
  name: "fork",
  nodes: 3,
  lasted_ms: 9000,
  agreement: [],
  timeline: [{ at_ms: 1000, kind: "partition", text: "cut: 0 / 1,2 no longer reach each other" }, { at_ms: 5000, kind: "heal", text: "healed: all nodes may reach each other again" }],
  convergence: [{ at_ms: 5000, after: "heal", took_ms: 500 }],
  blocks: [
    { hash: "a1", parent: null, height: 1, at_ms: 2000, hashes: 4 },
    { hash: "b1", parent: null, height: 1, at_ms: 3000, hashes: 4 },
    { hash: "b2", parent: 1, height: 2, at_ms: 4000, hashes: 4 },
  ],
  tips: { changes: [[0, 0, 0], [0, 1, 0], [0, 2, 0], [2000, 0, 1], [3000, 1, 2], [3000, 2, 2], [4000, 1, 3], [4100, 2, 3], [5300, 0, 3]] },
});

test("a report that lacks what is needed is rejected with a sentence", () => {
  const wrong = [
    ["not JSON", "{"],
    ["no report", "{}"],
    ["a block without a height", JSON.stringify({ ...report(), blocks: [{ hash: "a", parent: null, at_ms: 1 }] })],
    ["a tip of a node that there is not", JSON.stringify({ ...report(), tips: { changes: [[0, 7, 0]] } })],
    ["changes out of order", JSON.stringify({ ...report(), tips: { changes: [[5, 0, 0], [4, 0, 1]] } })],
  ];
  for (const [what, text] of wrong) assert.throws(() => readReport(text), /^Error: .+\.$/, what);
  assert.equal(readReport(JSON.stringify(report())).name, "fork");
});

test("a report's world is as it was at each moment, forward and back", () => {
  const world = worldOf(report());
  const at = (moment) => {
    showUntil(world, moment);
    return [world.best.hash, [...world.nodes.values()].map(({ tip }) => tip)];
  };
  const moments = [0, 2500, 3500, 4050, 9000];
  const expected = [
    ["genesis", ["genesis", "genesis", "genesis"]],
    ["a1", ["a1", "genesis", "genesis"]],
    // Of two tips with the same work the one that more nodes have.
    ["b1", ["a1", "b1", "b1"]],
    ["b2", ["a1", "b2", "b1"]],
    ["b2", ["b2", "b2", "b2"]],
  ];
  assert.deepEqual(moments.map(at), expected);
  assert.deepEqual(moments.reverse().map(at), expected.reverse());
});

test("nodes are apart from the cut until they agree after it was healed", () => {
  const { marks } = worldOf(report());
  assert.deepEqual([500, 1500, 5200, 5500].map((at) => apartSince(marks, at)), [null, 1000, 1000, null]);
  assert.deepEqual([0, 1000, 9000].map((at) => lineAt(report().timeline, at)), [-1, 0, 1]);
});

test("tips are counted as by looking at every node", () => {
  const nodes = 5;
  const blocks = Array.from({ length: 7 }, () => ({}));
  const changes = Array.from({ length: 200 }, (_, at) => [at, (at * 3) % nodes, at % 11 ? (at * 5) % 8 : null]);
  const told = { tips: { changes }, nodes, blocks };
  assert.equal(faultOfTips(told), null);
  const tips = new Tips(told);
  for (const at of [10, 150, 3, 199, 42, -1]) {
    tips.seek(at);
    const now = Array(nodes).fill(DOWN);
    for (const [when, node, tip] of changes) if (when <= at) now[node] = tip ?? DOWN;
    assert.deepEqual(now.map((_, node) => tips.tipOf(node)), now);
    assert.equal(tips.down, now.filter((tip) => tip === DOWN).length);
    for (const { tip, many } of tips.list) assert.equal(many, now.filter((one) => one === tip).length);
  }
});

test("every node of every range has a mark, and a click on it finds it", () => {
  const ranges = rangesOf({ groups: [{ name: "miners", first: 2, nodes: 3 }], nodes: 40 });
  assert.deepEqual(ranges.map(({ first, nodes }) => [first, nodes]), [[0, 2], [2, 3], [5, 35]]);
  const grid = placesOf(ranges.map((range) => ({ ...range, words: range.name })), 200);
  for (let node = 0; node < 40; node += 1) {
    const { x, y, w, h } = markOf(grid, node);
    assert.equal(nodeAt(grid, x + w / 2, y + h / 2), node);
    assert.ok([-1, 1].every((way) => nodeBeside(grid, node, way) >= 0 && nodeBeside(grid, node, way) < 40));
  }
});
