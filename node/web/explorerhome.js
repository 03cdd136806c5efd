// Where the explorer begins: the newest blocks, and what can be searched.

import { h, replace, table } from "./dom.js";
import { link } from "./bits.js";
import { count, date, miner, short } from "./format.js";

const ROWS = 25;

export function homePage(explorer) {
  const { world } = explorer;
  const rows = h("div");
  let seen = null;
  const fill = () => {
    if (seen === world.changes.blocks || rows.contains(document.activeElement)) return;
    seen = world.changes.blocks;
    const blocks = world.ordered
      .slice(-ROWS)
      .reverse()
      .filter((block) => !block.isGenesis);
    replace(
      rows,
      table(
        "The newest blocks",
        ["Height", "Hash", "Miner", "Transactions", "Time"],
        blocks.map((block) => [
          block.height,
          link("block", block.hash, short(block.hash)),
          miner(block),
          count(block.transactions - 1, "payment"),
          date(block.time_ms),
        ]),
      ),
      world.chain.genesis_hash
        ? h("p", null, "It all began with ", link("block", world.chain.genesis_hash, "genesis"), ".")
        : null,
    );
  };
  fill();
  return {
    element: h(
      "section",
      { class: "card" },
      h("h2", null, "Newest blocks"),
      h("p", { class: "soft" }, "Search above by height, block hash, txid or address."),
      rows,
    ),
    tick: fill,
  };
}
