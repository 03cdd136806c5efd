import assert from "node:assert/strict";
import { test } from "node:test";

import { check, climb, fromHex, join, places, reversed, sha256, tagged, targetOf, toHex } from "../../node/web/model/proof.js";

const u32 = (value) => [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];
const count = (value) => [...u32(value), 0, 0, 0, 0];
const text = (words) => [...new TextEncoder().encode(words)];

/** A proof for the coinbase of a block whose one other leaf has this hash. */
async function proof() {
  const output = [...Array(8).fill(1), ...u32(0), ...Array(32).fill(2)];
  const coinbase = Uint8Array.from([...u32(7), ...count(1), ...output, ...count(3), ...text("tag")]);
  const id = await tagged("cairn/coinbase", coinbase);
  const leaf = await sha256([0], await tagged("cairn/leaf", id, coinbase));
  const sibling = new Uint8Array(32).fill(9);
  const root = await sha256([1], leaf, sibling);
  const header = join(u32(1), new Uint8Array(32), root, Array(8).fill(3), u32(0x207fffff), Array(8).fill(0));
  const leafBytes = [...u32(0), ...coinbase, ...u32(0), ...u32(2), ...count(1), ...sibling];
  const bytes = join(header, count(1), leafBytes);
  return { bytes, txid: reversed(id), hash: reversed(await sha256(await sha256(header))) };
}

test("hex and its bytes are the same both ways", () => {
  assert.equal(toHex(fromHex("00ff10")), "00ff10");
  assert.equal(reversed(fromHex("00ff10")), "10ff00");
});

test("a hash under a tag is that of BIP 340", async () => {
  // BIP 340, "Tagged hashes": SHA256(SHA256(tag) || SHA256(tag) || x).
  const name = await sha256(text("BIP0340/challenge"));
  assert.equal(toHex(await tagged("BIP0340/challenge", [1, 2])), toHex(await sha256(name, name, [1, 2])));
  assert.equal(toHex(await sha256()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});

test("target bits mean what Bitcoin's do", () => {
  assert.equal(targetOf(0x1d00ffff), 0xffffn << 208n);
  assert.equal(targetOf(0x01003456), null, "zero");
  assert.equal(targetOf(0x04923456), null, "negative");
});

test("a path has a sibling for every level that has one", () => {
  const sides = (index, leaves, many) => climb(index, leaves, Array(many).fill(0))?.map(({ side }) => side) ?? null;
  assert.deepEqual(sides(0, 1, 0), []);
  assert.deepEqual(sides(1, 2, 1), ["left"]);
  assert.deepEqual(sides(2, 3, 1), ["none", "left"]);
  assert.deepEqual([sides(2, 3, 2), sides(3, 3, 2), sides(0, 4, 1)], [null, null, null]);
});

test("a proof holds, and with any byte of its places changed it does not", async () => {
  const { bytes, txid, hash } = await proof();
  const found = await check(bytes, txid, hash, true);
  assert.ok(found.ok, JSON.stringify(found.checks));
  for (const { name, at } of places(bytes)) {
    const changed = Uint8Array.from(bytes);
    changed[at] ^= 1;
    const isMalformed = () => ({ ok: false });
    assert.ok(!(await check(changed, txid, hash, true).catch(isMalformed)).ok, name);
  }
});

test("a proof that ends too early, counts too much or has bytes left over is no proof", async () => {
  const { bytes, txid, hash } = await proof();
  for (const wrong of [bytes.subarray(0, bytes.length - 1), join(bytes, [0]), bytes.map((one, at) => (at === 88 ? 255 : one))]) {
    await assert.rejects(check(wrong, txid, hash));
  }
});
