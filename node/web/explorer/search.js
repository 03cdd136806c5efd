// Search: the kind of a searched text, and the page that it leads to.

import { atHeight, holders, running, whoHasBlock, whoHasTransaction } from "./nodeLookup.js";

/** A text as it is meant: some keyboards write digits twice as wide. */
const plain = (typed) => typed.normalize("NFKC").trim();

/** What a text looks like: "height", "hash", "address", or nothing. */
export function kindOf(text, prefix) {
  if (/^\d{1,10}$/.test(text)) return "height";
  if (/^[0-9a-f]{64}$/i.test(text)) return "hash";
  const lower = text.toLowerCase();
  if ((prefix && lower.startsWith(`${prefix}1`)) || /^[a-z0-9]{1,20}1[ac-hj-np-z02-9]{50,}$/.test(lower))
    return "address";
  return null;
}

/** Where a text leads: `to` is its page, `many` how many it may mean. Throws when no node replies. */
export async function find(explorer, typed) {
  const text = plain(typed);
  switch (kindOf(text, explorer.world.chain.address_prefix)) {
    case "height": {
      const found = await atHeight(explorer, Number(text));
      if (found) return { to: explorer.to("block", found.hash, {}, found.node), many: 1 };
      // A part of a hash may have no letter.
      return findPart(explorer, text);
    }
    case "hash":
      return one(await findHash(explorer, text.toLowerCase()));
    case "address":
      return one(explorer.to("address", text.toLowerCase()));
    default:
      return findPart(explorer, text.toLowerCase());
  }
}

const one = (to) => ({ to, many: to === null ? 0 : 1 });

/** Blocks in which a shortened txid is looked for: the newest that hold payments. */
const LOOKED_AT = 20;

/** The beginning or the end of a hash, as the page itself writes it. */
async function findPart(explorer, text) {
  const isMeant = matcher(text);
  if (!isMeant) return one(null);
  const { blocks } = explorer.world;
  const near = new Set([...blocks.keys(), ...explorer.txids].filter(isMeant));
  if (!near.size) for (const txid of await askedTxids(explorer)) if (isMeant(txid)) near.add(txid);
  if (near.size !== 1) return { to: null, many: near.size };
  const [hash] = near;
  return one((await findHash(explorer, hash)) ?? explorer.to("tx", hash));
}

/** How to tell whether a hash is meant, or nothing. Dots say on which side it was cut; "…" is three by now. */
function matcher(text) {
  const [, before, digits, after] = /^(\.{3})?([0-9a-f]{8,63})(\.{3})?$/.exec(text) ?? [];
  if (!digits || (before && after)) return null;
  return (hash) => (!before && hash.startsWith(digits)) || (!after && hash.endsWith(digits));
}

/** Transactions of every mempool, and those of the newest blocks. Nodes that do not reply are left out. */
async function askedTxids(explorer) {
  const waiting = running(explorer)
    .filter(({ mempool }) => mempool)
    .map(({ id }) => explorer.callNode(id, "getrawmempool"));
  const blocks = explorer.world.ordered.filter((block) => block.main && block.transactions > 1).slice(-LOOKED_AT);
  const mined = blocks.map(async ({ hash }) => {
    const [holder] = holders(explorer, hash);
    return holder === undefined ? [] : (await explorer.callNode(holder, "getblock", hash, 1)).tx;
  });
  const lists = await Promise.all([...waiting, ...mined].map((list) => list.catch(() => [])));
  return lists.flat();
}

async function findHash(explorer, hash) {
  if (explorer.world.blocks.has(hash)) return explorer.to("block", hash);
  const ways = [
    ["tx", whoHasTransaction],
    ["block", whoHasBlock],
  ];
  // Proof of work makes a block's hash begin with zeros; the likelier kind is looked up first.
  if (hash.startsWith("00")) ways.reverse();
  for (const [room, who] of ways) {
    const node = await who(explorer, hash);
    if (node !== null) return explorer.to(room, hash, {}, node);
  }
  return null;
}
