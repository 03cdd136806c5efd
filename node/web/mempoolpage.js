// The mempool of the node that is asked; fresh while it is looked at.

import { h, replace, setText, table } from "./dom.js";
import { link } from "./bits.js";
import { coins, count, date } from "./format.js";

/** Rows shown; the dearest come first. */
const ROWS = 300;
/** The node is asked again so often at most, in seconds, and only when something came. */
const PACE = 2;

export async function mempoolPage(explorer) {
  const words = h("p", { class: "soft" });
  const rows = h("div");
  const element = h("section", { class: "card" }, h("h2", null, "Waiting for a block"), words, rows);
  let isStale = false;
  let waited = 0;
  const fill = async () => {
    const entries = Object.entries(await explorer.ask("getrawmempool", true));
    const size = entries.reduce((sum, [, entry]) => sum + entry.vsize, 0);
    const rate = (entry) => (Number(entry.fees.base) * 1e8) / entry.vsize;
    setText(
      words,
      entries.length
        ? `${count(entries.length, "transaction")}, ${count(size, "byte")}, in the mempool of node ${explorer.node}.`
        : `Nothing waits on node ${explorer.node}.`,
    );
    entries.sort(([, a], [, b]) => rate(b) - rate(a));
    if (
      rows.contains(document.activeElement) &&
      rows.querySelector("a") !== null &&
      document.activeElement.tagName === "A"
    )
      return;
    replace(
      rows,
      entries.length
        ? table(
            "Transactions that wait, the dearest first",
            ["Transaction", "Fee", "Units a byte", "Bytes", "Since", "Needs"],
            entries
              .slice(0, ROWS)
              .map(([txid, entry]) => [
                link("tx", txid, `${txid.slice(0, 16)}…`),
                coins(entry.fees.base),
                rate(entry).toFixed(2),
                entry.vsize,
                date(entry.time * 1000).replace(/\.\d+$/, ""),
                entry.depends?.length ? count(entry.depends.length, "other") : "",
              ]),
          )
        : null,
    );
  };
  await fill();
  return {
    element,
    hear: (kind) => {
      if (kind === "transaction" || kind === "tip") isStale = true;
    },
    tick: () => {
      waited += 1;
      if (!isStale || waited < PACE) return;
      isStale = false;
      waited = 0;
      fill().catch((error) => setText(words, error.message));
    },
  };
}
