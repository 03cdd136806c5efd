//! What a browser reads of the devnet: the page, the picture, the events. Reading takes no token.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::devnet::network::Network;
use crate::devnet::view::View;
use crate::web::events::{self, Wanted};

/// What is read.
#[derive(Clone, Debug)]
pub struct Pages {
    view: View,
    /// What never changes.
    fixed: serde_json::Value,
    stop: CancellationToken,
}

impl Pages {
    /// Of this network and the picture of it.
    pub fn new(network: &Network, view: View, stop: CancellationToken) -> Self {
        let params = &network.chain.params;
        let addresses = network.ids().filter_map(|id| network.plan(id).ok());
        let fixed = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "chain": {
                "name": params.name,
                "genesis_hash": params.genesis_hash.to_string(),
                "spacing_ms": params.spacing.as_millis() as u64,
                "address_prefix": params.address_prefix.to_string(),
            },
            "addresses": addresses
                .map(|plan| json!({ "peer": plan.peer.to_string(), "rpc": plan.rpc.to_string() }))
                .collect::<Vec<_>>(),
        });
        Self { view, fixed, stop }
    }
}

/// How much of the picture is wanted.
#[derive(Debug, Deserialize)]
pub struct Extent {
    /// So many of the latest blocks; without it, all that are kept.
    pub blocks: Option<usize>,
}

/// The whole picture.
pub async fn view(State(pages): State<Pages>, Query(extent): Query<Extent>) -> Response {
    let mut picture = pages.view.snapshot(extent.blocks.unwrap_or(usize::MAX));
    for (name, value) in pages.fixed.as_object().into_iter().flatten() {
        picture[name] = value.clone();
    }
    ([(header::CACHE_CONTROL, "no-store")], Json(picture)).into_response()
}

/// What happens, as server-sent events.
pub async fn follow(
    State(pages): State<Pages>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    events::follow(pages.view.log().clone(), &wanted, &headers, pages.stop)
}
