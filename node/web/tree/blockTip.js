// The tooltip of a block in the tree, and the same as a sentence for screen readers.

import { parts } from "../model/partitionHistory.js";
import { h, replace } from "../lib/dom.js";
import { count, miner, short, span, work } from "../lib/format.js";

/** When each node got a block: [{node, after}] in order, counted from the first. */
export function arrivals(block) {
  const first = new Map();
  for (const [node, at] of block.got) if (!first.has(node) || first.get(node) > at) first.set(node, at);
  const begin = Math.min(...first.values());
  return [...first].map(([node, at]) => ({ node, after: at - begin })).sort((a, b) => a.after - b.after);
}

/** The same, divided: nodes that the miner could reach all the time, and those that were cut off or down. */
export function travels(block, world) {
  const all = arrivals(block);
  const begin = Math.min(...block.got.map(([, at]) => at));
  const spells = world.partitions.during(begin, begin + (all.at(-1)?.after ?? 0));
  const source = block.miner ?? all[0]?.node;
  const isApart = ({ node, after }) =>
    spells.some((spell) => spell.from <= begin + after && parts(spell, source, node));
  return { straight: all.filter((one) => !isApart(one)), apart: all.filter(isApart) };
}

/** "3 nodes in 12 ms", and how many more were only reached after a cut. */
export function reachWords(block, world) {
  const { straight, apart } = travels(block, world);
  const words = `${count(straight.length, "node")}${straight.length > 1 ? ` in ${span(straight.at(-1).after)}` : ""}`;
  return apart.length ? `${words}; ${apart.length} more across a partition or after being down` : words;
}

/** The state of a block, in words. */
export function standing(block, world) {
  if (block.main) return "in the best chain";
  return world.held.has(block) ? "on a branch that some nodes follow" : "stale: no running node follows it";
}

/** Fills the box beside the tree. */
export function blockTip(element, block, world) {
  const own = block.parent ? block.work - block.parent.work : null;
  const reached = arrivals(block);
  const shown = reached
    .slice(0, 8)
    .map(({ node, after }) => `${world.nodes.get(node)?.name ?? node} ${after ? `+${span(after)}` : "first"}`);
  const row = (name, value) => [h("dt", null, name), h("dd", null, value)];
  replace(
    element,
    h("strong", null, block.isGenesis ? "Genesis" : `Block ${block.height}`),
    h("p", { class: block.main ? "" : "soft" }, standing(block, world)),
    h(
      "dl",
      null,
      // A report does not have the hash of genesis.
      block.isGenesis && world.kind === "report" ? null : row("hash", h("code", null, short(block.hash))),
      block.isGenesis
        ? null
        : [
            row("miner", miner(block)),
            own === null || own <= 0n ? null : row("work", work(own)),
            row(
              "holds",
              `${count(block.transactions, "transaction")}${block.size ? `, ${count(block.size, "byte")}` : ""}`,
            ),
            reached.length ? row("reached", reachWords(block, world)) : null,
            block.reached ? row("reached", count(block.reached, "node")) : null,
            shown.length ? row("nodes", `${shown.join(", ")}${reached.length > 8 ? ", …" : ""}`) : null,
            block.propagation
              ? row(
                  "spread",
                  `half after ${span(block.propagation.median_ms)}, 99 % after ${span(block.propagation.p99_ms)}`,
                )
              : null,
          ],
    ),
  );
}

/** The same as a sentence. */
export function blockWords(block, world) {
  if (block.isGenesis) return "Genesis, the first block";
  return `Block ${block.height} by ${miner(block)}, ${standing(block, world)}, ${count(block.transactions, "transaction")}, reached ${count(block.reached ?? arrivals(block).length, "node")}, hash ends ${block.hash.slice(-6)}`;
}
