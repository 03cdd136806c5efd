import assert from "node:assert/strict";
import { test } from "node:test";

import { cutByLine, groupsText, groupsWords, letter, move, parseGroups, sameGroups } from "../../node/web/model/groups.js";
import { Proposal } from "../../node/web/model/proposal.js";
import { PartitionHistory, parts } from "../../node/web/model/partitionHistory.js";

const IDS = [0, 1, 2, 3];

test("groups are read as they are written, and nodes that are not named form one more group", () => {
  assert.deepEqual(parseGroups("0,1 / 2,3", IDS), { groups: [[0, 1], [2, 3]] });
  assert.deepEqual(parseGroups("1 3", IDS), { groups: [[1, 3], [0, 2]] });
  assert.equal(groupsText([[0, 1], [2, 3]]), "0,1 / 2,3");
  assert.equal(groupsWords([[0, 1], [2]]), "A: 0, 1; B: 2");
  assert.deepEqual([0, 25, 26].map(letter), ["A", "Z", "27"]);
});

test("text that does not make groups gets a sentence and no groups", () => {
  for (const text of ["", "0,1,2,3", "0 / 4", "0 / x", "0,0 / 1", "0 / / 1"]) {
    const { groups, error } = parseGroups(text, IDS);
    assert.equal(groups, undefined, text);
    assert.match(error, /\.$/, text);
  }
});

test("a node moves to another group, or into one of its own", () => {
  assert.deepEqual(move([[0, 1], [2, 3]], 3, 0), [[0, 1, 3], [2]]);
  assert.deepEqual(move([[0, 1], [2]], 2, 0), [[0, 1, 2]], "an empty group goes");
  assert.deepEqual(move([[0, 1, 2]], 1, 1), [[0, 2], [1]]);
});

test("a line divides the nodes on its two sides, if it passes between them", () => {
  const places = new Map(IDS.map((id) => [id, { x: (id % 2) * 100, y: Math.floor(id / 2) * 100 }]));
  const [left, right] = cutByLine([IDS], places, { x: 50, y: -50 }, { x: 50, y: 150 });
  assert.ok(sameGroups([left, right], [[0, 2], [1, 3]]));
  assert.deepEqual(cutByLine([IDS], places, { x: 200, y: 0 }, { x: 200, y: 100 }), [IDS]);
  assert.deepEqual(cutByLine([IDS], places, { x: 50, y: 300 }, { x: 50, y: 400 }), [IDS], "it ends before it reaches them");
});

test("a proposal goes back step by step, and vanishes where the network already is", () => {
  let calls = 0;
  const proposal = new Proposal(() => (calls += 1));
  assert.ok(proposal.move(3, 1, [IDS]));
  assert.ok(proposal.move(2, 1, [IDS]));
  assert.deepEqual(proposal.groups, [[0, 1], [2, 3]]);
  proposal.undo();
  assert.deepEqual(proposal.groups, [[0, 1, 2], [3]]);
  assert.ok(proposal.move(3, 0, [IDS]));
  assert.equal(proposal.groups, null);
  assert.match(proposal.type("9", IDS, [IDS]), /9/);
  assert.equal(calls, 4);
});

test("the history of partitions knows from when until when two nodes could not reach each other", () => {
  const history = new PartitionHistory();
  history.cut([[0, 1], [2, 3]], 1000);
  history.life(1, false, 2000);
  history.cut([IDS], 3000);
  history.life(1, true, 4000);
  const at = (moment) => history.during(moment, moment);
  const isApart = (moment, one, other) => at(moment).some((spell) => parts(spell, one, other));
  assert.deepEqual([500, 1500, 3500].map((moment) => isApart(moment, 0, 2)), [false, true, false]);
  assert.deepEqual([1500, 2500, 3500, 4500].map((moment) => isApart(moment, 0, 1)), [false, true, true, false]);
  const read = new PartitionHistory();
  read.read([
    { at_ms: 1000, kind: "partition", groups: [[0, 1], [2, 3]], node: null },
    { at_ms: 2000, kind: "kill", groups: null, node: 1 },
    { at_ms: 3000, kind: "heal", groups: [IDS], node: null },
    { at_ms: 4000, kind: "restart", groups: null, node: 1 },
    { at_ms: 5000, kind: "step", groups: null },
  ]);
  assert.deepEqual(read.spells, history.spells);
});
