//! Every method there is, and `help` about them.

use crate::rpc::method::{Effect, Method, Object, Rpc, RpcResult, methods, object};
use crate::rpc::{
    addresses, blockchain, branches, coins, control, generating, mempool, mining, network, proofs,
    transactions,
};

methods! { "Control":
    Reads "help" ["command"] "All methods with their arguments, or everything about one." => help;
    Reads "getrpcinfo" [] "Calls that are running now, and for how long, in microseconds." => get_rpc_info;
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

/// Whether a plain GET may call a method; a node and a devnet that passes on to its nodes both decide by this.
pub fn is_readable(name: &str) -> bool {
    find(name).is_some_and(|method| method.effect == Effect::Reads)
}

async fn help(_: Rpc, command: Option<String>) -> RpcResult<String> {
    let text = match command {
        None => overview(),
        Some(name) => find(&name).map_or_else(|| format!("help: unknown command: {name}"), Method::help),
    };
    Ok(text.trim_end().to_owned())
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

async fn get_rpc_info(rpc: Rpc) -> RpcResult<Object> {
    let running = rpc.running().into_iter();
    let active: Vec<_> = running
        .map(|(method, lasting)| object! { "method": method, "duration": lasting.as_micros() as u64 })
        .collect();
    Ok(object! { "active_commands": active })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    /// Methods that change something, or would if they were what they are in Bitcoin Core.
    const CHANGES: [&str; 20] = [
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
    ];
    /// Methods that change nothing and take long: the difficulty of many blocks, a template with its long poll, a
    /// walk over all coins, signatures without end, waiting for a block.
    const TAKES_LONG: [&str; 7] = [
        "estimatemining",
        "getblocktemplate",
        "gettxoutsetinfo",
        "testmempoolaccept",
        "waitforblock",
        "waitforblockheight",
        "waitfornewblock",
    ];

    /// A method that is marked wrongly would be open to every page.
    #[test]
    fn a_get_may_call_only_methods_that_change_nothing_and_do_not_take_long() {
        let names = |effect| {
            let mut names: Vec<&str> =
                all().filter(|method| method.effect == effect).map(|method| method.name).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names(Effect::Changes), CHANGES);
        assert_eq!(names(Effect::TakesLong), TAKES_LONG);
    }

    #[test]
    fn no_two_methods_share_a_name() {
        let names: Vec<&str> = all().map(|method| method.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn required_arguments_come_before_optional_ones() {
        for method in all() {
            assert!(method.args.is_sorted_by_key(|arg| !arg.is_required), "{}", method.name);
        }
    }

    #[test]
    fn the_overview_lists_every_method() {
        let overview = overview();
        assert!(all().all(|method| overview.contains(&method.usage())));
    }
}
