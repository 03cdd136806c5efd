//! Names to connect to: looked up when the node starts and now and then, because what they stand
//! for may change.

use std::collections::BTreeSet;
use std::time::Duration;

use cairn_protocol::peer::PeerAddress;

use crate::config::host::HostPort;

/// How often a name that was found is looked up again.
const REFRESH: Duration = Duration::from_secs(300);
/// The first wait after a name was not found; waits double up to [`REFRESH`].
const RETRY: Duration = Duration::from_secs(1);
/// Addresses of one name that are used.
const MAX_PER_NAME: usize = 8;

/// The addresses that a name stands for now.
///
/// # Errors
/// When it stands for none.
pub async fn look_up(name: &HostPort) -> std::io::Result<BTreeSet<PeerAddress>> {
    let found = tokio::net::lookup_host(name.to_string()).await?;
    let addresses: BTreeSet<_> = found.take(MAX_PER_NAME).map(PeerAddress::new).collect();
    if addresses.is_empty() {
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, "the name stands for no address"));
    }
    Ok(addresses)
}

/// A change of what a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// To be dialled from now on.
    New(PeerAddress),
    /// No longer.
    Gone(PeerAddress),
}

/// Follows a name for ever; `tell` returns whether anybody still listens.
pub async fn follow<F: Future<Output = bool>>(name: HostPort, tell: impl Fn(Change) -> F) {
    let (mut known, mut wait) = (BTreeSet::new(), RETRY);
    loop {
        match look_up(&name).await {
            Ok(addresses) => {
                let new = addresses.difference(&known).map(|address| Change::New(*address));
                let gone = known.difference(&addresses).map(|address| Change::Gone(*address));
                for change in new.chain(gone) {
                    if !tell(change).await {
                        return;
                    }
                }
                (known, wait) = (addresses, REFRESH);
            }
            // What it stood for before is kept: the look-up may fail while the node is reachable.
            Err(error) => {
                tracing::warn!(%name, %error, "cannot look up a node to connect to; trying again");
                wait = if known.is_empty() { (wait * 2).min(REFRESH) } else { REFRESH };
            }
        }
        tokio::time::sleep(wait).await;
    }
}
