// What a searched text may be, and where it leads.

/** What a text looks like: "height", "hash", "address", or nothing. */
export function kindOf(text, prefix) {
  if (/^\d{1,10}$/.test(text)) return "height";
  if (/^[0-9a-f]{64}$/i.test(text)) return "hash";
  const lower = text.toLowerCase();
  if ((prefix && lower.startsWith(`${prefix}1`)) || /^[a-z0-9]{1,20}1[ac-hj-np-z02-9]{50,}$/.test(lower))
    return "address";
  return null;
}

/** The page for a text, or nothing. */
export async function find(explorer, typed) {
  const text = typed.trim();
  switch (kindOf(text, explorer.world.chain.address_prefix)) {
    case "height": {
      const hash = await explorer.ask("getblockhash", Number(text)).catch(() => null);
      return hash ? `#/block/${hash}` : null;
    }
    case "hash": {
      const hash = text.toLowerCase();
      if (explorer.world.blocks.has(hash)) return `#/block/${hash}`;
      const isBlock = () =>
        explorer.ask("getblockheader", hash).then(
          () => `#/block/${hash}`,
          () => null,
        );
      const isTransaction = () =>
        explorer.ask("getrawtransaction", hash, true).then(
          () => `#/tx/${hash}`,
          () => null,
        );
      // Work makes a block's hash begin with zeros; so what is likelier is asked first.
      const [first, second] = hash.startsWith("00") ? [isBlock, isTransaction] : [isTransaction, isBlock];
      return (await first()) ?? (await second());
    }
    case "address":
      return `#/address/${text.toLowerCase()}`;
    default: {
      // The end of a hash, as the page itself writes it.
      const end = text.replace(/^…/, "").toLowerCase();
      if (!/^[0-9a-f]{6,63}$/.test(end)) return null;
      const found = explorer.world.ordered.findLast((block) => block.hash.endsWith(end) || block.hash.startsWith(end));
      return found ? `#/block/${found.hash}` : null;
    }
  }
}
