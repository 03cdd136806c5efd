// Finds a node that has a block or transaction: from the page's own model first, so that few requests fail.

import { RpcError } from "../lib/rpc.js";

/** The nodes that can be called, the chosen one first. */
export function running(explorer) {
  const nodes = [...explorer.world.nodes.values()].filter((node) => node.up && node.answers && !node.isPeer);
  return nodes.sort((a, b) => (b.id === explorer.node) - (a.id === explorer.node));
}

/** One node of each tip: those on the same tip have the same chain. */
function ofEachTip(nodes) {
  const tips = new Set();
  return nodes.filter(({ tip }) => !tips.has(tip) && tips.add(tip));
}

/** Nodes that have a block: those with it in their best chain, then those that only store it. */
export function holders(explorer, hash) {
  const { world } = explorer;
  const block = world.blocks.get(hash);
  const nodes = running(explorer);
  if (!block) return ofEachTip(nodes).map(({ id }) => id);
  const got = new Set(block.got.map(([node]) => node));
  const isOn = ({ tip }) => descends(world, tip, block);
  const own = nodes.filter((node) => node.id === explorer.node && got.has(node.id));
  const found = [...own, ...nodes.filter(isOn), ...nodes.filter(({ id }) => got.has(id))].map(({ id }) => id);
  // No arrival is recorded: a block from before this network's start, which every node may have.
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
  const found = await first(nodes, ({ id }) => explorer.callNode(id, "getblockhash", height));
  return found && { node: found.node.id, hash: found.answer };
}

/** A node that has a block which the page does not know, or nothing. */
export async function whoHasBlock(explorer, hash) {
  // The page knows all blocks there are unless it forgot the oldest.
  if (explorer.world.ordered[0]?.isGenesis) return null;
  const found = await first(ofEachTip(running(explorer)), ({ id }) => explorer.callNode(id, "getblockheader", hash));
  return found && found.node.id;
}

/** A node that knows a transaction, in its mempool or its chain, or nothing. */
export async function whoHasTransaction(explorer, txid, nodes = running(explorer)) {
  // These two questions are answered, whatever is so; a question for an unknown transaction is an error.
  const isUnspent = async ({ id }) => (await explorer.callNode(id, "gettxout", txid, 0)) !== null;
  const isWaiting = async ({ id, mempool }) =>
    mempool > 0 && (await explorer.callNode(id, "getrawmempool")).includes(txid);
  const found =
    (await first(nodes, async (node) => (await isUnspent(node)) || isWaiting(node), Boolean)) ??
    (await first(ofEachTip(nodes), ({ id }) => explorer.callNode(id, "getrawtransaction", txid)));
  return found && found.node.id;
}

/** Calls one node after the other until one has a result. When none replies, that is an error. */
export async function first(nodes, question, isGood = () => true) {
  let silence = null;
  for (const node of nodes) {
    try {
      const answer = await question(node);
      if (isGood(answer)) return { node, answer };
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      // One node may just have gone; when a second one is silent, it is the server.
      if (error.isSilence && silence) throw error;
      if (error.isSilence) silence = error;
    }
  }
  if (silence) throw silence;
  return null;
}
