//! Walks over all coins, beside the node: it goes on meanwhile, and the coins are those of one tip.

use std::ops::ControlFlow;
use std::sync::Arc;

use cairn_core::coin::Coin;
use cairn_core::transaction::OutPoint;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::Machine;
use crate::rpc::access::{Rpc, stopping};
use crate::rpc::error::{Code, RpcError};
use crate::rpc::lookup::failed;
use crate::rpc::scan::Progress;
use crate::store::snapshot::Snapshot;

/// Walks at a time; a further one waits for its turn. Each keeps what is overwritten meanwhile.
const MAX_WALKS: usize = 2;
/// Coins between two looks at whether the node stops.
const LOOK_UP_EACH: u64 = 1024;

static ROOM: Semaphore = Semaphore::const_new(MAX_WALKS);

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
    pub fn each(&self, mut visit: impl FnMut(OutPoint, Coin)) -> Result<bool, RpcError> {
        let (mut passed, mut is_whole) = (0_u64, true);
        let mut step = |outpoint: OutPoint, coin| {
            let is_stopping = passed.is_multiple_of(LOOK_UP_EACH) && self.stop.is_cancelled();
            if is_stopping || self.progress.is_broken_off() {
                is_whole = false;
                return ControlFlow::Break(());
            }
            passed += 1;
            self.progress.reach(&outpoint.txid);
            visit(outpoint, coin);
            ControlFlow::Continue(())
        };
        self.snapshot.for_each_coin(&mut step).map_err(failed)?;
        if self.stop.is_cancelled() { Err(stopping()) } else { Ok(is_whole) }
    }
}

/// Ends the walk of a caller who has gone.
struct WhileWanted(Arc<Progress>);

impl Drop for WhileWanted {
    fn drop(&mut self) {
        self.0.break_off();
    }
}

/// Walks over all coins on a thread of its own. `look` takes from the node what must be of the same
/// tip, `read` makes the answer of both.
///
/// # Errors
/// What either fails with; [`Code::InWarmup`] when the node is loading or stopping.
pub async fn walk<W: Send + 'static, T: Send + 'static>(
    rpc: &Rpc,
    progress: Arc<Progress>,
    look: impl FnOnce(&Machine) -> Result<W, RpcError> + Send + 'static,
    read: impl FnOnce(W, &Walk) -> Result<T, RpcError> + Send + 'static,
) -> Result<T, RpcError> {
    let _turn = ROOM.acquire().await.map_err(|_| stopping())?;
    let _wanted = WhileWanted(progress.clone());
    let stop = rpc.node()?.stopping().clone();
    let taken = rpc.query(|node| Ok::<_, RpcError>((look(node)?, node.chain().store().snapshot())));
    let (seen, snapshot) = taken.await??;
    let walk = Walk { snapshot, progress, stop };
    let answer = tokio::task::spawn_blocking(move || read(seen, &walk)).await;
    answer.unwrap_or_else(|_| Err(RpcError::new(Code::Internal, "the walk over all coins met a fault")))
}
