//! Every method there is, and `help` about them.

use crate::rpc::access::Rpc;
use crate::rpc::error::RpcResult;
use crate::rpc::json::{json, object};
use crate::rpc::method::{Method, methods};
use crate::rpc::params::{Kind, Params, optional};
use crate::rpc::{
    addresses, blockchain, branches, coins, control, generating, mempool, mining, network, proofs,
    transactions,
};

methods! { "Control":
    "help" [optional("command", Kind::Text)]
        "All methods with their arguments, or everything about one." => help;
    "getrpcinfo" [] "Calls that are running now, and for how long, in microseconds." => get_rpc_info;
}

/// Every method, by file.
const ALL: &[&[Method]] = &[
    addresses::METHODS,
    blockchain::METHODS,
    branches::METHODS,
    coins::METHODS,
    proofs::METHODS,
    METHODS,
    control::METHODS,
    generating::METHODS,
    mempool::METHODS,
    mining::METHODS,
    network::METHODS,
    transactions::METHODS,
];

/// Every method, in the order of `help`.
pub fn all() -> impl Iterator<Item = &'static Method> {
    ALL.iter().copied().flatten()
}

/// The method of this name.
pub fn find(name: &str) -> Option<&'static Method> {
    all().find(|method| method.name == name)
}

async fn help(_: Rpc, params: Params) -> RpcResult {
    let text = match params.text("command") {
        None => overview(),
        Some(name) => find(name).map_or_else(|| format!("help: unknown command: {name}"), Method::help),
    };
    Ok(json(text.trim_end()))
}

fn overview() -> String {
    let mut categories: Vec<&str> = all().map(|method| method.category).collect();
    categories.sort_unstable();
    categories.dedup();
    let mut text = String::new();
    for category in categories {
        let mut usages: Vec<String> =
            all().filter(|method| method.category == category).map(Method::usage).collect();
        usages.sort_unstable();
        text += &format!("== {category} ==\n{}\n\n", usages.join("\n"));
    }
    text
}

async fn get_rpc_info(rpc: Rpc, _: Params) -> RpcResult {
    let running = rpc.running().into_iter();
    let active: Vec<_> = running
        .map(|(method, lasting)| object! { "method": method, "duration": lasting.as_micros() as u64 })
        .collect();
    Ok(json(&object! { "active_commands": active }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rpc::reads::READS;

    /// Methods that change something, or would if they were what they are in Bitcoin Core.
    const CHANGES: [&str; 23] = [
        "addnode",
        "clearbanned",
        "disconnectnode",
        "generateblock",
        "generatetoaddress",
        "invalidateblock",
        "ping",
        "preciousblock",
        "reconsiderblock",
        "scantxoutset",
        "sendrawtransaction",
        "setban",
        "setblockedpeers",
        "setclockoffset",
        "setlinkdelay",
        "setmining",
        "setnetworkactive",
        "stop",
        "submitblock",
        "submitheader",
        // These wait for something, and a page that is closed would leave them waiting.
        "waitforblock",
        "waitforblockheight",
        "waitfornewblock",
    ];
    /// Methods that change nothing and take long: a walk over all coins, a template with its long poll,
    /// signatures without end, the difficulty of many blocks.
    const TAKES_LONG: [&str; 4] =
        ["estimatemining", "getblocktemplate", "gettxoutsetinfo", "testmempoolaccept"];

    /// A new method is in none of the lists: whoever adds it decides.
    #[test]
    fn a_get_may_ask_only_methods_that_change_nothing_and_do_not_take_long() {
        let mut sorted: Vec<&str> = READS.iter().chain(&CHANGES).chain(&TAKES_LONG).copied().collect();
        sorted.sort_unstable();
        let mut names: Vec<&str> = all().map(|method| method.name).collect();
        names.sort_unstable();
        assert_eq!(sorted, names);
    }

    #[test]
    fn no_two_methods_share_a_name() {
        let names: Vec<&str> = all().map(|method| method.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn required_arguments_come_before_optional_ones() {
        for method in all() {
            assert!(method.args.is_sorted_by_key(|arg| !arg.required), "{}", method.name);
        }
    }

    #[test]
    fn the_overview_lists_every_method() {
        let overview = overview();
        assert!(all().all(|method| overview.contains(&method.usage())));
    }
}
