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
pub const FILE: SavedFile = SavedFile { name: "peers", mark: *b"cairnpr1", longest: 64 << 20 };

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
