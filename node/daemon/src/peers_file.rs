//! The peers' file: addresses, anchors and bans, so that a node finds its network again without being told an address,
//! and the operator's bans hold after a restart.

use std::path::PathBuf;
use std::time::Duration;

use cairn_core::hash::GenesisHash;

use crate::clock;
use crate::handle::NodeHandle;
use crate::saved_file::SavedFile;

/// The file. A full address manager of 81,920 addresses takes about 6 MB.
pub const FILE: SavedFile = SavedFile { name: "peers", mark: *b"cairnpr1", longest: 64 << 20 };

/// The interval between saves while nothing is banned.
const INTERVAL: Duration = Duration::from_secs(10 * 60);

/// Saves the peers now and then, and after every change of the bans by the operator, until the node stops.
pub async fn keep(handle: NodeHandle, directory: PathBuf, genesis: GenesisHash) {
    loop {
        // Both end the wait.
        let _either = tokio::time::timeout(INTERVAL, handle.bans_changed().notified()).await;
        let Ok(saved) = handle.query(|node| node.peers().saved(clock::now())).await else { return };
        let directory = directory.clone();
        let saving = tokio::task::spawn_blocking(move || FILE.save(&directory, genesis, &saved));
        if let Ok(Err(error)) = saving.await {
            tracing::warn!(%error, "cannot save the addresses and bans of peers");
        }
    }
}
