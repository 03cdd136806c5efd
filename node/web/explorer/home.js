// Where the explorer begins: the newest blocks, and what can be searched.

import { h, LiveTable, setAttr } from "../lib/dom.js";
import { count, date, miner, short } from "../lib/format.js";

const ROWS = 25;

export function homePage(explorer) {
  const { world } = explorer;
  const rows = new LiveTable("The newest blocks", ["Height", "Hash", "Miner", "Transactions", "Time"]);
  const genesis = h("a", { class: "long" }, "genesis");
  const origin = h("p", null, "It all began with ", genesis, ".");
  let seen = null;
  const fill = () => {
    if (seen === world.changes.blocks) return;
    seen = world.changes.blocks;
    const { genesis_hash: first } = world.chain;
    origin.hidden = !first;
    setAttr(genesis, "href", first ? explorer.to("block", first) : null);
    const blocks = world.ordered
      .slice(-ROWS)
      .reverse()
      .filter((block) => !block.isGenesis);
    rows.show(
      blocks,
      (block) => block.hash,
      (block) => [
        block.height,
        explorer.link("block", block.hash, short(block.hash)),
        miner(block),
        count(block.transactions - 1, "payment"),
        date(block.time_ms),
      ],
    );
  };
  fill();
  return {
    element: h(
      "section",
      { class: "card" },
      h("h2", null, "Newest blocks"),
      h("p", { class: "soft" }, "Search above by height, block hash, txid or address."),
      rows.element,
      origin,
    ),
    tick: fill,
  };
}
