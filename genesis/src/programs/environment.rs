//! Environment variables of Cairn: one table of all that its programs read, so that each can tell another's
//! variable from a misspelt one.

use std::ffi::{OsStr, OsString};

/// What every variable of Cairn begins with.
const PREFIX: &str = "CAIRN_";
/// The variable that `cairn node` reads as the address of its JSON-RPC server, and `cairn-wallet` as the
/// address of the node that it calls.
pub const RPC: &str = "CAIRN_RPC";

/// Every variable that a program of Cairn reads.
pub const VARIABLES: [&str; 30] = [
    // Each setting of `cairn node`, and the file that has them.
    "CAIRN_ADDRESS_INDEX",
    "CAIRN_CHAIN",
    "CAIRN_CONFIG",
    "CAIRN_CONNECT",
    "CAIRN_DATA_DIR",
    "CAIRN_HASHRATE",
    "CAIRN_LISTEN",
    "CAIRN_LOG",
    "CAIRN_LOG_JSON",
    "CAIRN_MAX_INBOUND",
    "CAIRN_MAX_MEMPOOL",
    "CAIRN_MAX_OUTBOUND",
    "CAIRN_MINE",
    "CAIRN_REINDEX",
    RPC,
    "CAIRN_RPC_ALLOW_HOST",
    "CAIRN_STOP_ON_STDIN_CLOSE",
    "CAIRN_TAG",
    "CAIRN_THREADS",
    // Every program; then `cairn net`, `cairn top` and the wallet.
    crate::programs::home::VARIABLE,
    crate::programs::running::VARIABLE,
    // The wallet.
    "CAIRN_COOKIE",
    "CAIRN_WALLET",
    "CAIRN_WALLET_DIR",
    "CAIRN_WALLET_PASSPHRASE",
    // Tests and scripts.
    "CAIRN_BIN",
    "CAIRN_CHROMIUM",
    "CAIRN_KILL_TIMES",
    "CAIRN_PICTURES",
    "CAIRN_SIMULATED_SEED",
];

/// A variable looks like one of Cairn's, and no program of it reads it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no program of Cairn reads the environment variable {found}; expected one of: {}", VARIABLES.join(", "))]
pub struct UnknownVariable {
    found: String,
}

/// The variables among these that are Cairn's by their name.
pub fn of_cairn(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    variables.filter(|(name, _)| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()))
}

/// Rejects a variable that no program reads: it would be a setting that silently has no effect.
pub fn check(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<(), UnknownVariable> {
    let is_known = |name: &str| VARIABLES.contains(&name);
    for (name, value) in of_cairn(variables) {
        let name = name.to_string_lossy();
        if !is_known(&name) && !is_of_a_cluster(&name, &value) {
            return Err(UnknownVariable { found: name.into_owned() });
        }
    }
    Ok(())
}

/// Whether Kubernetes sets the variable in every pod for a service called `cairn` or `cairn-something`. Source: its page
/// on services, <https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>.
fn is_of_a_cluster(name: &str, value: &OsStr) -> bool {
    let is_url =
        || ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.to_string_lossy().starts_with(scheme));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_numbered_port = |rest: &str| {
        let parts: Vec<&str> = rest.split('_').collect();
        matches!(parts.as_slice(), [number, "TCP" | "UDP" | "SCTP"] | [number, "TCP" | "UDP" | "SCTP", "PROTO" | "PORT" | "ADDR"] if is_number(number))
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.ends_with("_PORT") && is_url()
        || name.rsplit_once("_PORT_").is_some_and(|(_, rest)| is_numbered_port(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_accepted(name: &str, value: &str) -> bool {
        check([(OsString::from(name), OsString::from(value))].into_iter()).is_ok()
    }

    #[test]
    fn a_misspelt_variable_is_refused_with_the_list_and_those_of_others_are_not() {
        for name in ["CAIRN_RPC_ALLOWHOST", "CAIRN_DATADIR", "CAIRN_", "CAIRN_home", "CAIRN_PORT"] {
            assert!(!is_accepted(name, "9000"), "{name}");
        }
        let error =
            check([("CAIRN_DATADIR".into(), "d".into())].into_iter()).expect_err("misspelt").to_string();
        assert!(
            error.contains("CAIRN_DATADIR; expected one of: ") && error.contains("CAIRN_DATA_DIR"),
            "{error}"
        );
        for name in ["CAIRN_WALLET", "CAIRN_HOME", "CAIRN_BIN", "CAIRN", "HOME", "XCAIRN_A", "cairn_home"] {
            assert!(is_accepted(name, "x"), "{name}");
        }
    }

    #[test]
    fn what_a_cluster_sets_for_a_service_is_harmless() {
        for (name, value) in [
            ("CAIRN_SERVICE_HOST", "10.0.0.1"),
            ("CAIRN_SERVICE_PORT", "18443"),
            ("CAIRN_SERVICE_PORT_RPC", "18443"),
            ("CAIRN_PORT", "tcp://10.0.0.1:18443"),
            ("CAIRN_PORT_18444_TCP", "tcp://10.0.0.1:18444"),
            ("CAIRN_PORT_18444_TCP_PROTO", "tcp"),
            ("CAIRN_PORT_18444_TCP_PORT", "18444"),
            ("CAIRN_PORT_18444_TCP_ADDR", "10.0.0.1"),
            ("CAIRN_MY_NODE_PORT_1_UDP", "udp://10.0.0.1:1"),
            ("CAIRN_MY_NODE_SERVICE_HOST", "10.0.0.1"),
        ] {
            assert!(is_accepted(name, value), "{name}");
        }
        for name in ["CAIRN_PORT_TCP", "CAIRN_PORT_X_TCP", "CAIRN_PORT_1_TLS", "CAIRN_SERVICE"] {
            assert!(!is_accepted(name, "1"), "{name}");
        }
    }
}
