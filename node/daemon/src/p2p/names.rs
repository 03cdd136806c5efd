//! Host names to connect to: resolved when the node starts and from time to time, because their addresses
//! may change.

use std::collections::BTreeSet;
use std::time::Duration;

use cairn_protocol::peer::PeerAddress;

use crate::config::host::HostPort;

/// The interval at which a name that was resolved is resolved again.
const REFRESH: Duration = Duration::from_secs(300);
/// The first back-off after a failure; it doubles up to [`REFRESH`].
const RETRY: Duration = Duration::from_secs(1);
/// The most addresses of one name that are used.
const MAX_PER_NAME: usize = 8;

/// The addresses of a name.
pub async fn look_up(name: &HostPort) -> std::io::Result<BTreeSet<PeerAddress>> {
    let found = tokio::net::lookup_host(name.to_string()).await?;
    let addresses: BTreeSet<_> = found.take(MAX_PER_NAME).map(PeerAddress::new).collect();
    if addresses.is_empty() {
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addresses)
}

/// A change of a name's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    New(PeerAddress),
    Gone(PeerAddress),
}

/// Resolves a name again and again; `notify` returns whether its receiver still exists.
pub async fn follow<F: Future<Output = bool>>(name: HostPort, notify: impl Fn(Change) -> F) {
    let (mut known, mut back_off) = (BTreeSet::new(), RETRY);
    loop {
        match look_up(&name).await {
            Ok(addresses) => {
                let new = addresses.difference(&known).map(|address| Change::New(*address));
                let gone = known.difference(&addresses).map(|address| Change::Gone(*address));
                for change in new.chain(gone) {
                    if !notify(change).await {
                        return;
                    }
                }
                (known, back_off) = (addresses, REFRESH);
            }
            // The addresses before are kept: resolving may fail while the node is reachable.
            Err(error) => {
                tracing::warn!(%name, %error, "cannot look up a node to connect to; trying again");
                back_off = if known.is_empty() { (back_off * 2).min(REFRESH) } else { REFRESH };
            }
        }
        tokio::time::sleep(back_off).await;
    }
}
