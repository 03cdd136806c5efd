// What a searched text may be, and where it leads.

import { atHeight, whoHasBlock, whoHasTransaction } from "./whereabouts.js";

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

/** The page for a text, or nothing. Throws when nobody could be asked. */
export async function find(explorer, typed) {
  const text = plain(typed);
  const { world } = explorer;
  switch (kindOf(text, world.chain.address_prefix)) {
    case "height": {
      const found = await atHeight(explorer, Number(text));
      return found && explorer.to("block", found.hash, {}, found.node);
    }
    case "hash":
      return findHash(explorer, text.toLowerCase());
    case "address":
      return explorer.to("address", text.toLowerCase());
    default: {
      // The end of a hash, as the page itself writes it.
      const end = text.replace(/^…/, "").toLowerCase();
      if (!/^[0-9a-f]{6,63}$/.test(end)) return null;
      const found = world.ordered.findLast((block) => block.hash.endsWith(end) || block.hash.startsWith(end));
      return found ? explorer.to("block", found.hash) : null;
    }
  }
}

async function findHash(explorer, hash) {
  if (explorer.world.blocks.has(hash)) return explorer.to("block", hash);
  const ways = [
    ["tx", whoHasTransaction],
    ["block", whoHasBlock],
  ];
  // Work makes a block's hash begin with zeros; so what is likelier is asked first.
  if (hash.startsWith("00")) ways.reverse();
  for (const [room, who] of ways) {
    const node = await who(explorer, hash);
    if (node !== null) return explorer.to(room, hash, {}, node);
  }
  return null;
}
