//! Which methods may be asked with a plain GET: those that only read and are soon done. Whoever serves
//! pages, a node or a devnet that passes on to its nodes, decides by this list alone.

/// Methods that change nothing, wait for nothing, and look at no more than a block, a page of a list or
/// the mempool.
pub const READS: &[&str] = &[
    "decoderawtransaction",
    "estimatesmartfee",
    "getaddednodeinfo",
    "getaddresshistory",
    "getaddressutxos",
    "getbestblockhash",
    "getblock",
    "getblockchaininfo",
    "getblockcount",
    "getblockhash",
    "getblockheader",
    "getchaintips",
    "getconnectioncount",
    "getdifficulty",
    "getindexinfo",
    "getmempoolancestors",
    "getmempooldescendants",
    "getmempoolentry",
    "getmempoolinfo",
    "getmininginfo",
    "getnettotals",
    "getnetworkhashps",
    "getnetworkinfo",
    "getnodestatus",
    "getpeerinfo",
    "getrawmempool",
    "getrawtransaction",
    "getrpcinfo",
    "gettxout",
    "gettxoutproof",
    "help",
    "listbanned",
    "uptime",
    "validateaddress",
    "verifytxoutproof",
];

/// Whether a method may be asked with a plain GET.
pub fn is_readable(method: &str) -> bool {
    READS.contains(&method)
}
