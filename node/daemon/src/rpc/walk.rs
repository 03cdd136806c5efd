//! Walks over all coins, beside the node: it goes on meanwhile, and the coins are those of one tip.

use std::ops::ControlFlow;
use std::sync::Arc;

use cairn_core::coin::Coin;
use cairn_core::transaction::OutPoint;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::Machine;
use crate::handle::Stopped;
use crate::rpc::access::{Rpc, aside};
use crate::rpc::error::RpcResult;
use crate::rpc::scan::Progress;
use crate::store::snapshot::Snapshot;

/// Walks at a time; a further one waits for its turn. Each keeps what is overwritten meanwhile.
const MAX_WALKS: usize = 2;
/// Coins between two checks of whether the node stops.
const CHECK_EVERY: u64 = 1024;

static TURNS: Semaphore = Semaphore::const_new(MAX_WALKS);

/// A walk: the coins of the tip at which it began.
pub struct Walk {
    snapshot: Snapshot,
    progress: Arc<Progress>,
    stop: CancellationToken,
}

impl Walk {
    /// Every coin, in the order of outpoints; returns whether the end was reached.
    ///
    /// # Errors
    /// When the store fails, or the node stops meanwhile.
    pub fn each(&self, mut visit: impl FnMut(OutPoint, Coin)) -> RpcResult<bool> {
        let (mut passed, mut is_whole) = (0_u64, true);
        let mut step = |outpoint: OutPoint, coin| {
            let is_stopping = passed.is_multiple_of(CHECK_EVERY) && self.stop.is_cancelled();
            if is_stopping || self.progress.is_cancelled() {
                is_whole = false;
                return ControlFlow::Break(());
            }
            passed += 1;
            self.progress.reach(&outpoint.txid);
            visit(outpoint, coin);
            ControlFlow::Continue(())
        };
        self.snapshot.for_each_coin(&mut step)?;
        if self.stop.is_cancelled() { Err(Stopped.into()) } else { Ok(is_whole) }
    }
}

/// Cancels the walk of a caller that has disconnected.
struct CancelOnDrop(Arc<Progress>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Walks over all coins on a thread of its own. `look` takes from the node what must be of the same
/// tip, `read` makes the answer of both.
///
/// # Errors
/// Those of `look` and `read`; [`crate::rpc::error::Code::InWarmup`] when the node is loading or stopping.
pub async fn walk<W: Send + 'static, T: Send + 'static>(
    rpc: &Rpc,
    progress: Arc<Progress>,
    look: impl FnOnce(&Machine) -> RpcResult<W> + Send + 'static,
    read: impl FnOnce(W, &Walk) -> RpcResult<T> + Send + 'static,
) -> RpcResult<T> {
    let _turn = TURNS.acquire().await.map_err(|_| Stopped)?;
    let _cancel = CancelOnDrop(progress.clone());
    let stop = rpc.node()?.stopping().clone();
    let (seen, snapshot) = rpc.try_query(|node| Ok((look(node)?, node.chain().store().snapshot()))).await?;
    let walk = Walk { snapshot, progress, stop };
    aside(move || read(seen, &walk)).await
}
