// A block's page: its header, its arrivals at the nodes, its transactions.

import { call } from "../lib/rpc.js";
import { h, LiveTable, setAttr, setText, table } from "../lib/dom.js";
import { code, copy, fact } from "../lib/widgets.js";
import { arrivals, standing } from "../tree/blockTip.js";
import { coins, count, date, foreign, miner, number, span, work } from "../lib/format.js";
import { holders } from "./nodeLookup.js";

export async function blockPage(explorer, hash) {
  const { world } = explorer;
  // Of a stale block others may hold nothing.
  const block = await explorer.askAny(holders(explorer, hash), (node) => read(node, hash));
  const isBest = block.confirmations > 0;
  const known = () => world.blocks.get(block.hash);
  const coinbase = block.tx?.[0]?.vin?.[0];
  const state = h("p", { class: isBest ? "soft" : "warn" });
  const child = h("a", { class: "button small" }, "child →");
  const reached = whoGotIt(world, known);
  const fill = (reply) => {
    setText(state, stateWords(explorer, reply, known()));
    setAttr(child, "href", reply.nextblockhash ? explorer.to("block", reply.nextblockhash) : null);
    child.hidden = !reply.nextblockhash;
    reached.fill();
  };
  fill(block);
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
            ? h("a", { class: "button small", href: explorer.to("block", block.previousblockhash) }, "← parent")
            : null,
          child,
        ),
      ),
      state,
      h(
        "dl",
        { class: "facts long-facts" },
        fact("Hash", code(block.hash), " ", copy(block.hash)),
        fact(
          "Parent",
          block.previousblockhash ? explorer.link("block", block.previousblockhash) : "none: this is genesis",
        ),
        fact("Miner", known() ? miner(known()) : coinbase?.tag ? `tag “${foreign(coinbase.tag)}”` : "unknown"),
        fact("Time", `${date(block.time_ms)} (as its miner says)`),
        fact("Merkle root", code(block.merkleroot)),
        fact("Target", code(block.target || "?"), ` bits ${block.bits}`),
        fact("Nonce", String(block.nonce)),
        fact("Work so far", work(number(block.chainwork))),
        fact("Size", count(block.size ?? 0, "byte")),
      ),
    ),
    transactions(explorer, block),
    reached.element,
  );
  return {
    element,
    concerns: (kind, data) => kind === "tip" || kind === "node" || (kind === "got" && data.hash === block.hash),
    refresh: async () => {
      const reply = await explorer.call("getblockheader", block.hash);
      // A reorganization changes what its links must name.
      if (reply.confirmations > 0 !== isBest) explorer.load();
      else fill(reply);
    },
    lost: (error) => setText(state, `${explorer.Name} has no more about it: ${error.message}`),
  };
}

/** The coins that are spent come with the third level; a stale block's are not known to every node. */
function read(node, hash) {
  return call(node, "getblock", [hash, 3]).catch((error) => {
    if (error.isSilence) throw error;
    return call(node, "getblock", [hash, 2]);
  });
}

function stateWords(explorer, block, known) {
  const own =
    block.confirmations > 0
      ? `In the best chain of ${explorer.name}, ${count(block.confirmations, "confirmation")}.`
      : `Not in the best chain of ${explorer.name}.`;
  return known ? `${own} By this page: ${standing(known, explorer.world)}.` : own;
}

function transactions(explorer, block) {
  // A stale block's transactions are found only by naming the block.
  const query = block.confirmations > 0 ? {} : { block: block.hash };
  const rows = (block.tx ?? []).map((tx, place) => {
    const out = (tx.vout ?? []).reduce((sum, output) => sum + Number(output.value), 0);
    return [
      place,
      explorer.link("tx", tx.txid, `${tx.txid.slice(0, 16)}…`, query),
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

/** A node in words; numbers stand alone in a column of nodes. */
function nameOf(world, id, noun = "") {
  const node = world.nodes.get(id);
  if (world.kind !== "node") return `${noun}${node?.name ?? id}`;
  return node && !node.isPeer ? "this node" : `peer ${node?.name ?? id}`;
}

function whoGotIt(world, known) {
  const rows = new LiveTable("When each node received the block, and from which node", ["Node", "After", "From"]);
  const element = h("section", { class: "card" }, h("h2", null, "Who got it when"), rows.element);
  const fill = () => {
    const got = known()?.got ?? [];
    element.hidden = !got.length;
    const from = new Map(got.map(([node, , sender]) => [node, sender ?? null]));
    rows.show(
      got.length ? arrivals(known()) : [],
      ({ node }) => node,
      ({ node, after }) => [
        nameOf(world, node),
        after ? span(after) : "first",
        from.get(node) === null ? "mined or found itself" : nameOf(world, from.get(node), "node "),
      ],
    );
  };
  return { element, fill };
}
