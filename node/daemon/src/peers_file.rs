//! The peers' file: addresses, anchors and bans, so that a node finds its network again by itself, and
//! the operator's bans hold after a restart.

use std::path::PathBuf;
use std::time::Duration;

use cairn_core::hash::GenesisHash;
use tokio::sync::mpsc;

use crate::clock;
use crate::handle::{NodeHandle, SaveRequest};
use crate::saved_file::SavedFile;

/// The file. A full address manager of 81,920 addresses takes about 6 MB.
pub const FILE: SavedFile = SavedFile {
    name: "peers",
    mark: *b"cairnpr2",
    longest: 64 << 20,
    loss: "the addresses of other nodes, the anchors, and all bans are lost, also those by the operator: ban peers \
           again with setban, and name a node with --connect if no peer connects",
};

/// The interval between saves while nothing is banned.
const INTERVAL: Duration = Duration::from_secs(10 * 60);

/// Saves the peers now and then, and on request, until the node stops.
pub async fn keep(
    handle: NodeHandle,
    directory: PathBuf,
    genesis: GenesisHash,
    mut requests: mpsc::Receiver<SaveRequest>,
) {
    loop {
        let request = tokio::time::timeout(INTERVAL, requests.recv()).await.ok().flatten();
        let Ok(saved) = handle.query(|node| node.peers().saved(clock::now())).await else { return };
        let directory = directory.clone();
        let saving = tokio::task::spawn_blocking(move || FILE.save(&directory, genesis, &saved));
        if let Ok(Err(error)) = saving.await {
            tracing::warn!(%error, "cannot save the addresses and bans of peers");
        }
        request.map(|request| request.send(()));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use cairn_protocol::peers::SavedPeers;

    use super::*;

    const GENESIS: GenesisHash = GenesisHash::from_bytes([1; 32]);

    /// What is read of a file with this content, if there is one, and what is logged meanwhile.
    fn load(content: Option<&[u8]>) -> (Option<SavedPeers>, String) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        if let Some(content) = content {
            fs::write(FILE.path(directory.path()), content).expect("written");
        }
        let log = directory.path().join("log");
        let writer = Arc::new(fs::File::create(&log).expect("created"));
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish();
        let loaded = tracing::subscriber::with_default(subscriber, || FILE.load(directory.path(), GENESIS));
        (loaded, fs::read_to_string(log).expect("readable"))
    }

    #[test]
    fn a_damaged_file_is_not_read_and_a_warning_says_what_is_lost_and_what_to_do() {
        let (loaded, log) = load(Some(b"scribble"));
        assert_eq!(loaded, None);
        for word in ["WARN", "/peers", "addresses", "anchors", "bans", "setban", "--connect"] {
            assert!(log.contains(word), "no {word:?} in: {log}");
        }
    }

    #[test]
    fn a_first_start_finds_no_file_and_says_nothing() {
        assert_eq!(load(None), (None, String::new()));
    }
}
