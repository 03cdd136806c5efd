// A transaction's page: what it spends and pays, where it is, and the proof that its block holds it.

import { h, table } from "./dom.js";
import { code, copy, fact, link } from "./bits.js";
import { coins, count, date, foreign } from "./format.js";
import { proofCard } from "./proofcard.js";

export async function transactionPage(explorer, txid, blockhash) {
  const tx = await explorer.ask("getrawtransaction", txid, 2, ...(blockhash ? [blockhash] : []));
  const isCoinbase = Boolean(tx.vin?.[0]?.coinbase !== undefined);
  const where = tx.blockhash
    ? [
        `In block ${tx.height ?? ""} `,
        link("block", tx.blockhash, `${tx.blockhash.slice(0, 16)}…`),
        tx.confirmations > 0
          ? `, ${count(tx.confirmations, "confirmation")}.`
          : `, which is not in the best chain of node ${explorer.node}.`,
      ]
    : [`Waits in the mempool of node ${explorer.node}.`];
  const element = h(
    "article",
    null,
    h(
      "section",
      { class: "card" },
      h("h2", null, isCoinbase ? "Coinbase" : "Transaction"),
      h("p", { class: "soft" }, where),
      h(
        "dl",
        { class: "facts long-facts" },
        fact("Txid", code(tx.txid), " ", copy(tx.txid)),
        tx.blocktime ? fact("Time", date(tx.blocktime * 1000)) : null,
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
                  h("span", null, link("tx", input.txid, `${input.txid.slice(0, 10)}…`), ` ${input.vout}`),
                  input.prevout ? owner(input.prevout) : "not shown",
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
            tx.vout.map((output) => [output.n, owner(output), coins(output.value)]),
          ),
        ),
      ),
    ),
    tx.blockhash
      ? proofCard(explorer, tx.txid, tx.blockhash)
      : h(
          "section",
          { class: "card" },
          h("h2", null, "Proof"),
          h("p", { class: "soft" }, "There is a proof once a block holds it."),
        ),
  );
  return { element };
}

function owner(output) {
  const address = output.scriptPubKey?.address;
  return address ? link("address", address, `${address.slice(0, 14)}…${address.slice(-6)}`) : "nobody known";
}
