// A transaction's page: what it spends and pays, where it is, and the proof that its block holds it.

import { h, replace, setAttr, setText, table } from "../lib/dom.js";
import { code, copy, fact } from "../lib/widgets.js";
import { coins, count, date, foreign } from "../lib/format.js";
import { proofCard } from "./proofCard.js";
import { holders, running, whoHasTransaction } from "./nodeLookup.js";

export async function transactionPage(explorer, txid, blockhash) {
  const question = [txid, 2, ...(blockhash ? [blockhash] : [])];
  const tx = await read(explorer, question);
  const isCoinbase = Boolean(tx.vin?.[0]?.coinbase !== undefined);
  const where = whereabouts(explorer);
  const time = fact("Time", "");
  const proof = h("div");
  let shown;
  let timed = {};
  const fill = async (reply) => {
    // Asked once for a block.
    if (timed.blockhash !== reply.blockhash) timed = { blockhash: reply.blockhash, ms: await timeOf(explorer, reply) };
    where.fill(reply);
    time.hidden = !timed.ms;
    setText(time.lastChild, timed.ms ? date(timed.ms) : "");
    // A proof that is looked at stays as long as it is one of this block.
    if (shown !== (shown = reply.blockhash ?? null)) replace(proof, proofOf(explorer, reply));
  };
  await fill(tx);
  const element = h(
    "article",
    null,
    h(
      "section",
      { class: "card" },
      h("h2", null, isCoinbase ? "Coinbase" : "Transaction"),
      where.element,
      h(
        "dl",
        { class: "facts long-facts" },
        fact("Txid", code(tx.txid), " ", copy(tx.txid)),
        time,
        isCoinbase ? fact("Tag", foreign(tx.vin[0].tag ?? "")) : null,
        tx.fee === undefined ? null : fact("Fee", `${coins(tx.fee)} coins`),
        fact("Size", count(tx.size, "byte")),
        tx.locktime ? fact("Not before", String(tx.locktime)) : null,
      ),
      h(
        "div",
        { class: "flow" },
        h(
          "div",
          null,
          h("h3", null, isCoinbase ? "New coins" : "Spends"),
          isCoinbase
            ? h("p", { class: "soft" }, "The block's reward and its fees.")
            : table(
                "What it spends",
                ["Output of", "Owner", "Coins"],
                tx.vin.map((input) => [
                  h("span", null, explorer.link("tx", input.txid, `${input.txid.slice(0, 10)}…`), ` ${input.vout}`),
                  input.prevout ? owner(explorer, input.prevout) : "not shown",
                  input.prevout ? coins(input.prevout.value) : "?",
                ]),
              ),
        ),
        h(
          "div",
          null,
          h("h3", null, "Pays"),
          table(
            "What it pays",
            ["Place", "Owner", "Coins"],
            tx.vout.map((output) => [output.n, owner(explorer, output), coins(output.value)]),
          ),
        ),
      ),
    ),
    proof,
  );
  return {
    element,
    concerns: (kind, data) =>
      (kind === "tip" && data.node === explorer.node) || (kind === "transaction" && data.txid === txid),
    refresh: async () => fill(await explorer.call("getrawtransaction", ...question)),
    lost: where.lose,
  };
}

/** When its block was found, in milliseconds: the transaction itself has only seconds. */
async function timeOf(explorer, tx) {
  if (!tx.blockhash) return null;
  const known = explorer.world.blocks.get(tx.blockhash)?.time_ms;
  if (known) return known;
  const header = await explorer.call("getblockheader", tx.blockhash).catch(() => null);
  return header?.time_ms ?? (tx.blocktime ? tx.blocktime * 1000 : null);
}

/** Asks the chosen node, or else one that knows it. */
async function read(explorer, question) {
  const { turn } = explorer;
  const [txid, , blockhash] = question;
  const from = (node) => explorer.callNode(node, "getrawtransaction", ...question);
  if (blockhash) return explorer.askAny(holders(explorer, blockhash), from);
  try {
    return await from(explorer.node);
  } catch (error) {
    const others = running(explorer).filter(({ id }) => id !== explorer.node);
    const node = error.isSilence ? null : await whoHasTransaction(explorer, txid, others);
    if (node === null) throw error;
    return explorer.askAny([node], from, turn);
  }
}

/** The line with its state. It is changed in place; a screen reader announces only a change of state. */
function whereabouts(explorer) {
  const words = h("span");
  const block = explorer.link("block", "");
  const depth = h("span");
  const element = h("p", { class: "soft" }, h("span", { "aria-live": "polite" }, words, block), depth);
  const fill = (tx) => {
    element.className = "soft";
    setText(words, tx.blockhash ? `In block ${tx.height ?? ""} ` : `Unconfirmed, in the mempool of ${explorer.name}.`);
    setText(block, tx.blockhash ? `${tx.blockhash.slice(0, 16)}…` : "");
    setAttr(block, "href", tx.blockhash ? explorer.to("block", tx.blockhash) : null);
    setAttr(block, "title", tx.blockhash);
    setText(depth, tx.blockhash ? depthWords(explorer, tx) : "");
  };
  const lose = (error) => {
    element.className = "warn";
    const why = error.isSilence
      ? error.message
      : `${explorer.Name} no longer has it: it is neither in its mempool nor in its best chain.`;
    setText(words, why);
    setText(block, "");
    setAttr(block, "href", null);
    setText(depth, "");
  };
  return { element, fill, lose };
}

function depthWords(explorer, tx) {
  return tx.confirmations > 0
    ? `, ${count(tx.confirmations, "confirmation")}.`
    : `, which is not in the best chain of ${explorer.name}.`;
}

function proofOf(explorer, tx) {
  if (tx.blockhash) return proofCard(explorer, tx.txid, tx.blockhash);
  return h(
    "section",
    { class: "card" },
    h("h2", null, "Proof"),
    h("p", { class: "soft" }, "There is a proof once a block holds it."),
  );
}

function owner(explorer, output) {
  const address = output.scriptPubKey?.address;
  return address ? explorer.link("address", address, `${address.slice(0, 14)}…${address.slice(-6)}`) : "unknown";
}
