// The mempool of the chosen node, kept up to date while it is shown.

import { h, LiveTable, setText } from "../lib/dom.js";
import { coins, count, date } from "../lib/format.js";
import { running } from "./nodeLookup.js";

/** Rows shown; the dearest come first. */
const ROWS = 300;
/** Least interval between two requests, in milliseconds: the reply may be long. */
const PACE = 2000;

export async function mempoolPage(explorer) {
  if (explorer.isDown) return downPage(explorer);
  const words = h("p", { class: "soft" });
  const rows = new LiveTable("Transactions in the mempool, highest fee rate first", [
    "Transaction",
    "Fee",
    "Units a byte",
    "Bytes",
    "Since",
    "Needs",
  ]);
  const element = h("section", { class: "card" }, h("h2", null, "Waiting for a block"), words, rows.element);
  const fill = async () => {
    const entries = Object.entries(await explorer.call("getrawmempool", true));
    const size = entries.reduce((sum, [, entry]) => sum + entry.vsize, 0);
    const rate = (entry) => (Number(entry.fees.base) * 1e8) / entry.vsize;
    setText(
      words,
      entries.length
        ? `${count(entries.length, "transaction")}, ${count(size, "byte")}, in the mempool of ${explorer.name}.`
        : `The mempool of ${explorer.name} is empty.`,
    );
    entries.sort(([, a], [, b]) => rate(b) - rate(a));
    rows.show(
      entries.slice(0, ROWS),
      ([txid]) => txid,
      ([txid, entry]) => [
        explorer.link("tx", txid, `${txid.slice(0, 16)}…`),
        coins(entry.fees.base),
        rate(entry).toFixed(2),
        entry.vsize,
        date(entry.time * 1000).replace(/\.\d+$/, ""),
        entry.depends?.length ? count(entry.depends.length, "other") : "",
      ],
    );
    // An empty table that has the focus keeps it.
    rows.element.hidden = !entries.length && rows.element !== document.activeElement;
  };
  await fill();
  return {
    element,
    pace: PACE,
    concerns: (kind, data) => (kind === "transaction" || kind === "tip") && data.node === explorer.node,
    refresh: fill,
    lost: (error) => setText(words, error.message),
  };
}

/** A node that is down has no mempool and is not called. It is read as soon as a node is back. */
function downPage(explorer) {
  const others = running(explorer).map(({ id }, place) => [
    place ? ", " : " ",
    h("a", { href: explorer.to("mempool", null, {}, id) }, `node ${id}`),
  ]);
  return {
    isSilence: true,
    element: h(
      "section",
      { class: "card" },
      h("h2", null, `Node ${explorer.node} is down`),
      h("p", null, "So it has no unconfirmed transaction."),
      h("p", null, others.length ? ["Look at the mempool of", others, "."] : "No node runs."),
    ),
  };
}
