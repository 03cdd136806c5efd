// A block's page: its header, who got it when, its transactions.

import { ask } from "./ask.js";
import { h, table } from "./dom.js";
import { code, copy, fact, link } from "./bits.js";
import { arrivals, standing } from "./blocktip.js";
import { coins, count, date, foreign, miner, number, span, work } from "./format.js";

export async function blockPage(explorer, hash) {
  const { world } = explorer;
  const block = await read(explorer, hash);
  const known = world.blocks.get(block.hash);
  const coinbase = block.tx?.[0]?.vin?.[0];
  const target = block.target ?? "";
  const element = h(
    "article",
    null,
    h(
      "section",
      { class: "card" },
      h(
        "div",
        { class: "row" },
        h("h2", null, `Block ${block.height}`),
        h(
          "p",
          { class: "tools" },
          block.previousblockhash
            ? h("a", { class: "button small", href: `#/block/${block.previousblockhash}` }, "← parent")
            : null,
          block.nextblockhash
            ? h("a", { class: "button small", href: `#/block/${block.nextblockhash}` }, "child →")
            : null,
        ),
      ),
      h(
        "p",
        { class: block.confirmations > 0 ? "soft" : "warn" },
        block.confirmations > 0
          ? `In the best chain of node ${explorer.node}, ${count(block.confirmations, "confirmation")}.`
          : `Not in the best chain of node ${explorer.node}.`,
        known ? ` By this page: ${standing(known, world)}.` : "",
      ),
      h(
        "dl",
        { class: "facts long-facts" },
        fact("Hash", code(block.hash), " ", copy(block.hash)),
        fact("Parent", block.previousblockhash ? link("block", block.previousblockhash) : "none: this is genesis"),
        fact("Miner", known ? miner(known) : coinbase?.tag ? `tag “${foreign(coinbase.tag)}”` : "unknown"),
        fact("Time", `${date(block.time_ms)} (as its miner says)`),
        fact("Merkle root", code(block.merkleroot)),
        fact("Target", code(target || "?"), ` bits ${block.bits}`),
        fact("Nonce", String(block.nonce)),
        fact("Work so far", work(number(block.chainwork))),
        fact("Size", count(block.size ?? 0, "byte")),
      ),
    ),
    transactions(block),
    known?.got.length ? reached(known, world) : null,
  );
  return { element };
}

/** A block from the node that is asked, or else from one that got it: of a stale block others may hold nothing. */
async function read(explorer, hash) {
  // The coins that are spent come with the third level; a stale block's are not known to every node.
  const from = (node) =>
    ask(node, "getblock", [hash, 3]).catch(() => ask(node, "getblock", [hash, 2]));
  const { world } = explorer;
  try {
    return await from(explorer.node);
  } catch (refused) {
    const holders = (world.blocks.get(hash)?.got ?? []).map(([node]) => node);
    for (const node of holders.filter((node) => node !== explorer.node && world.nodes.get(node)?.up)) {
      const block = await from(node).catch(() => null);
      if (!block) continue;
      explorer.choose(node);
      return block;
    }
    throw refused;
  }
}

function transactions(block) {
  const rows = (block.tx ?? []).map((tx, place) => {
    const out = (tx.vout ?? []).reduce((sum, output) => sum + Number(output.value), 0);
    return [
      place,
      // A stale block's transactions are found only by naming the block.
      link("tx", tx.txid, `${tx.txid.slice(0, 16)}…`, block.confirmations > 0 ? "" : `?block=${block.hash}`),
      place === 0 ? "coinbase" : count(tx.vin?.length ?? 0, "input"),
      coins(out),
      place === 0 ? "" : tx.fee === undefined ? "?" : coins(tx.fee),
      tx.size,
    ];
  });
  return h(
    "section",
    { class: "card" },
    h("h2", null, count(block.nTx ?? rows.length, "transaction")),
    table("Transactions of the block", ["Place", "Transaction", "From", "Coins paid", "Fee", "Bytes"], rows),
  );
}

function reached(block, world) {
  const from = new Map(block.got.map(([node, , sender]) => [node, sender]));
  return h(
    "section",
    { class: "card" },
    h("h2", null, "Who got it when"),
    table(
      "When each node got the block, and from whom",
      ["Node", "After", "From"],
      arrivals(block).map(({ node, after }) => [
        world.nodes.get(node)?.name ?? node,
        after ? span(after) : "first",
        from.get(node) === null || from.get(node) === undefined ? "mined or found itself" : `node ${from.get(node)}`,
      ]),
    ),
  );
}
