import assert from "node:assert/strict";
import { test } from "node:test";

import { clock, coins, count, days, foreign, hashes, number, percent, quantile, short, span, tenths } from "../../node/web/lib/format.js";
import { parse } from "../../node/web/lib/router.js";
import { meet, placeBeside } from "../../node/web/lib/tooltipPlacement.js";
import { kindOf } from "../../node/web/explorer/search.js";
import { layout } from "../../node/web/network/networkLayout.js";

test("numbers, times and amounts are written for people", () => {
  assert.deepEqual([count(1, "block"), count(1234567, "block")], ["1 block", "1,234,567 blocks"]);
  assert.deepEqual([5, 1500, 60_000, 3_600_000, null].map(span), ["5 ms", "1.5 s", "60 s", "1:00:00", "?"]);
  assert.deepEqual([clock(-1000), tenths(1234), tenths(2000), days(864_000_000)], ["−0:01", "0:01.2", "0:02", "10 days"]);
  assert.deepEqual(["1234.50000000", "0.00000001", 1, null].map(coins), ["1,234.5", "0.00000001", "1", "?"]);
  assert.deepEqual([hashes(999n), hashes(12_345_678_901n), number("ff"), number("x")], ["999", "12.34 G", 255n, 0n]);
  assert.deepEqual([percent(1, 3), percent(0, 0), short("0".repeat(56) + "12345678")], ["33 %", "–", "…12345678"]);
  assert.deepEqual([0.5, 0.9, 1].map((part) => quantile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], part)), [5, 9, 10]);
});

test("text of others cannot turn or break a line, and is cut", () => {
  assert.equal(foreign("a\u202eb\nc\u0000d"), "a\ufffdb\ufffdc\ufffdd");
  assert.equal(foreign("x".repeat(81)), `${"x".repeat(80)}…`);
});

test("an address within the page is a room, parts and a query", () => {
  const { room, parts, query } = parse("#/block/ab%2Fc?node=2");
  assert.deepEqual([room, parts, query.get("node")], ["block", ["ab/c"], "2"]);
  assert.equal(parse("").room, "");
  assert.deepEqual(parse("#/tx/%zz").parts, ["%zz"], "a malformed part stays as it is");
});

test("a searched text is a height, a hash or an address", () => {
  const address = `cairndev1${"q".repeat(50)}`;
  assert.deepEqual(["12", "ab".repeat(32), address, "cairndev1q", "hello"].map((text) => kindOf(text, "cairndev")),
    ["height", "hash", "address", "address", null]);
});

test("words about something never hide it, and stay within the picture", () => {
  const within = { width: 400, height: 300, top: 0 };
  for (let x = 0; x < 400; x += 40) {
    for (let y = 0; y < 280; y += 40) {
      const own = { x, y, w: 20, h: 20 };
      const { left, top } = placeBeside(own, [], { size: { w: 100, h: 40 }, within, screen: 400 });
      assert.ok(!meet(own, { x: left, y: top, w: 100, h: 40 }), `${x} ${y}`);
      assert.ok(left >= 0 && left + 100 <= 400, `${x} ${y}`);
    }
  }
});

test("nodes of the network stand within the picture and never on each other", () => {
  for (const many of [1, 2, 3, 8, 14, 15, 50]) {
    const half = Math.ceil(many / 2);
    const ids = Array.from({ length: many }, (_, id) => id);
    const { places, radius } = layout([ids.slice(0, half), ids.slice(half)].filter((group) => group.length), 640, 400);
    assert.equal(places.size, many);
    const all = [...places.values()];
    all.forEach((a, at) => {
      assert.ok(a.x > 0 && a.x < 640 && a.y > 0 && a.y < 400);
      for (const b of all.slice(at + 1)) assert.ok(Math.hypot(a.x - b.x, a.y - b.y) > 2 * radius);
    });
  }
});
