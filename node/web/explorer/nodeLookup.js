// Which node knows what: worked out from what the page has heard, so that little is asked in vain.

import { Refused } from "../lib/rpc.js";

/** The nodes that can be asked, the one that is asked now first. */
export function running(explorer) {
  const nodes = [...explorer.world.nodes.values()].filter((node) => node.up && node.answers && !node.isPeer);
  return nodes.sort((a, b) => (b.id === explorer.node) - (a.id === explorer.node));
}

/** One node of each tip: those on the same tip have the same chain. */
function ofEachTip(nodes) {
  const tips = new Set();
  return nodes.filter(({ tip }) => !tips.has(tip) && tips.add(tip));
}

/** Nodes to ask for a block: those that have it in their chain, then those that only hold it. */
export function holders(explorer, hash) {
  const { world } = explorer;
  const block = world.blocks.get(hash);
  const nodes = running(explorer);
  if (!block) return ofEachTip(nodes).map(({ id }) => id);
  const got = new Set(block.got.map(([node]) => node));
  const isOn = ({ tip }) => descends(world, tip, block);
  const own = nodes.filter((node) => node.id === explorer.node && got.has(node.id));
  const found = [...own, ...nodes.filter(isOn), ...nodes.filter(({ id }) => got.has(id))].map(({ id }) => id);
  // Nobody said who holds it: a block from before this network's start, of which all may know.
  return found.length ? [...new Set(found)] : nodes.map(({ id }) => id);
}

function descends(world, tip, block) {
  let at = world.blocks.get(tip);
  while (at && at.height > block.height) at = at.parent;
  return at === block;
}

/** The node whose chain has a block of this height, with its hash, or nothing. */
export async function atHeight(explorer, height) {
  const nodes = running(explorer).filter((node) => node.height >= height);
  const found = await first(nodes, ({ id }) => explorer.askNode(id, "getblockhash", height));
  return found && { node: found.node.id, hash: found.answer };
}

/** A node that knows a block of which the page has not heard, or nothing. */
export async function whoHasBlock(explorer, hash) {
  // The page knows all blocks there are unless it forgot the oldest.
  if (explorer.world.ordered[0]?.isGenesis) return null;
  const found = await first(ofEachTip(running(explorer)), ({ id }) => explorer.askNode(id, "getblockheader", hash));
  return found && found.node.id;
}

/** A node that knows a transaction, in its mempool or its chain, or nothing. */
export async function whoHasTransaction(explorer, txid, nodes = running(explorer)) {
  // These two questions are answered, whatever is so; a question for an unknown transaction is an error.
  const isUnspent = async ({ id }) => (await explorer.askNode(id, "gettxout", txid, 0)) !== null;
  const isWaiting = async ({ id, mempool }) =>
    mempool > 0 && (await explorer.askNode(id, "getrawmempool")).includes(txid);
  const found =
    (await first(nodes, async (node) => (await isUnspent(node)) || isWaiting(node), Boolean)) ??
    (await first(ofEachTip(nodes), ({ id }) => explorer.askNode(id, "getrawtransaction", txid)));
  return found && found.node.id;
}

/** Asks one node after the other until one knows. An answer that none gave is an error: it says nothing. */
export async function first(nodes, question, isGood = () => true) {
  let silence = null;
  for (const node of nodes) {
    try {
      const answer = await question(node);
      if (isGood(answer)) return { node, answer };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      // One node may just have gone; when a second one is silent, it is the server.
      if (error.isSilence && silence) throw error;
      if (error.isSilence) silence = error;
    }
  }
  if (silence) throw silence;
  return null;
}
