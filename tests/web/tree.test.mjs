import assert from "node:assert/strict";
import { test } from "node:test";

import { TreeLayout, firstAt, SLOTS } from "../../node/web/model/treeLayout.js";
import { World } from "../../node/web/model/world.js";
import { pinOf } from "../../node/web/tree/pinnedFork.js";

const block = (hash, previous, height, at_ms, chainwork = height.toString(16)) =>
  ({ hash, previous, height, at_ms, chainwork, transactions: 1, miner: null, tag: "" });

test("blocks of one branch share a lane, and a fork gets a lane and a colour of its own", () => {
  const layout = new TreeLayout(1000);
  const root = layout.place({ at_ms: 0 }, null);
  const one = layout.place({ at_ms: 1000 }, root);
  const other = layout.place({ at_ms: 1100 }, root, (slot) => slot === root.branch.slot);
  const two = layout.place({ at_ms: 2000 }, one);
  assert.deepEqual([root.lane, one.lane, two.lane], [0, 0, 0]);
  assert.notEqual(other.lane, 0);
  assert.notEqual(other.branch.slot, root.branch.slot);
  assert.equal(two.branch, root.branch);
});

test("a child is right of its parent, and a block that was placed does not move", () => {
  const layout = new TreeLayout(1000);
  const blocks = [];
  for (let at = 0; at < 500; at += 1) {
    const parent = blocks.length ? blocks[Math.max(0, blocks.length - 1 - (at % 4))] : null;
    blocks.push(layout.place({ at_ms: at * 37, parent }, parent));
  }
  const before = blocks.map(({ x, lane }) => [x, lane]);
  layout.place({ at_ms: 60_000 }, blocks[3]);
  assert.deepEqual(blocks.map(({ x, lane }) => [x, lane]), before);
  for (const { x, parent } of blocks) if (parent) assert.ok(x > parent.x);
  assert.ok(blocks.every(({ branch }) => branch.slot >= 0 && branch.slot < SLOTS));
});

test("no two blocks of a lane stand at the same place", () => {
  const layout = new TreeLayout(10);
  const root = layout.place({ at_ms: 0 }, null);
  const seen = new Set();
  for (let at = 1; at < 300; at += 1) {
    const { x, lane } = layout.place({ at_ms: at }, root);
    assert.ok(!seen.has(`${lane} ${x}`));
    seen.add(`${lane} ${x}`);
  }
});

test("the first block right of a place is found as by looking at all", () => {
  const blocks = Array.from({ length: 100 }, (_, at) => ({ x: Math.floor(at / 3) }));
  for (const x of [-1, 0, 0.5, 7, 33, 40]) {
    const expected = blocks.findIndex((one) => one.x >= x);
    assert.equal(firstAt(blocks, x), expected < 0 ? blocks.length : expected);
  }
});

test("a fork left of the view is pinned while two of its branches are in view", () => {
  const layout = new TreeLayout(1000);
  const fork = layout.place({ height: 0, at_ms: 0 }, null);
  const blocks = [fork];
  const tips = [fork, fork];
  for (let at = 1; at <= 40; at += 1) {
    const side = at % 2;
    const parent = tips[side];
    tips[side] = layout.place({ height: parent.height + 1, at_ms: at * 500, parent }, parent);
    blocks.push(tips[side]);
  }
  const view = { left: blocks[20].x, zoom: 20, box: { w: 20 } };
  const pin = pinOf(blocks, view.left, view.zoom, blocks.length, view.box);
  assert.equal(pin.fork, fork);
  assert.equal(pin.branches.length, 2);
  for (const { root, hidden } of pin.branches) assert.equal(hidden, root.height - 1);
  assert.equal(pinOf(blocks, -10, view.zoom, blocks.length, view.box), null);
});

test("the best chain is that of the tip with most work, and nodes are behind as the devnet says", () => {
  const world = new World();
  world.load({
    kind: "devnet",
    now_ms: 5000,
    chain: { name: "devnet", genesis_hash: "g", spacing_ms: 1000 },
    nodes: [{ id: 0, tip: "b2" }, { id: 1, tip: "b2" }, { id: 2, tip: "c1", behind: { since_ms: 2000, blocks: 1 } }],
    blocks: [block("b1", "g", 1, 1000), block("c1", "g", 1, 1500), block("b2", "b1", 2, 2000)],
  }, 0);
  assert.equal(world.best.hash, "b2");
  assert.deepEqual(world.agreeing, { most: 2, up: 3, tips: 2 });
  assert.deepEqual([...world.blocks.values()].filter(({ main }) => main).map(({ hash }) => hash), ["g", "b1", "b2"]);
  assert.deepEqual([0, 2].map((id) => world.nodes.get(id).behind?.since_ms), [undefined, 2000]);
  world.apply("tip", { node: 2, hash: "b2", height: 2 });
  world.apply("status", { nodes: [{ id: 2, behind: null }] });
  world.settle(6000);
  assert.deepEqual(world.agreeing, { most: 3, up: 3, tips: 1 });
  assert.equal(world.nodes.get(2).behind, null);
});

test("two tips never have the same colour and sign for long", () => {
  const world = new World();
  world.load({
    now_ms: 3000,
    chain: { genesis_hash: "g", spacing_ms: 1000 },
    nodes: [{ id: 0, tip: "b2" }, { id: 1, tip: "b1" }],
    blocks: [block("b1", "g", 1, 1000), block("b2", "b1", 2, 2000)],
  }, 0);
  assert.equal(world.slotOf("b1"), world.slotOf("b2"), "the block may be on its way");
  world.settle(20_000);
  assert.notEqual(world.slotOf("b1"), world.slotOf("b2"));
});
