//! HTTP routes that a browser reads: the view, the events, and replies of nodes. Reading takes no token.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::devnet::error::DevnetError;
use crate::devnet::network::Network;
use crate::devnet::plan::NodePlan;
use crate::devnet::view::{DevnetView, NodeAddresses};
use cairn_daemon::rpc::reads::is_readable;
use cairn_daemon::web::ask::{FreeTurns, for_pages};
use cairn_daemon::web::events::{FOR_PAGES, Followers, Wanted};
use cairn_daemon::web::places::Caller;

/// Time limit of a node for a page's question, which keeps one of the browser's six connections.
const LIMIT: Duration = Duration::from_secs(5);

/// What is read.
#[derive(Clone, Debug)]
pub struct Pages {
    network: Arc<Network>,
    addresses: Vec<NodeAddresses>,
    followers: Followers,
    /// Turns of questions without the token, for each node: one that hangs holds up no other.
    questions: Arc<BTreeMap<u16, FreeTurns>>,
    /// Turns of those who read a view without the token.
    readers: FreeTurns,
    stop: CancellationToken,
}

impl Pages {
    /// The pages of this network.
    pub fn new(
        network: Arc<Network>,
        followers: Followers,
        readers: FreeTurns,
        stop: CancellationToken,
    ) -> Self {
        let plans = network.ids().filter_map(|id| network.plan(id).ok());
        let addresses =
            |plan: NodePlan| NodeAddresses { peer: plan.peer.to_string(), rpc: plan.rpc.to_string() };
        let addresses = plans.map(addresses).collect();
        let questions = Arc::new(network.ids().map(|id| (id, FreeTurns::default())).collect());
        Self { network, addresses, followers, questions, readers, stop }
    }
}

/// Extent of the view that is wanted.
#[derive(Debug, Deserialize)]
pub struct Extent {
    /// Limit of the latest blocks; none for all that are kept.
    pub blocks: Option<usize>,
}

/// The whole view.
pub async fn view(
    State(pages): State<Pages>,
    Extension(caller): Extension<Caller>,
    extent: Result<Query<Extent>, QueryRejection>,
) -> Response {
    let extent = match extent {
        Ok(Query(extent)) => extent,
        Err(wrong) => return refuse(StatusCode::BAD_REQUEST, &wrong.body_text()),
    };
    let _turn = pages.readers.wait(caller).await;
    let view = pages.network.state.view(extent.blocks.unwrap_or(usize::MAX));
    let view = DevnetView { addresses: pages.addresses, ..view };
    for_pages(StatusCode::OK, serde_json::to_string(&view).expect("views have text keys"))
}

/// What happens, as server-sent events.
pub async fn follow(
    State(pages): State<Pages>,
    Extension(caller): Extension<Caller>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let log = pages.network.state.log().clone();
    pages.followers.follow(caller, log, &wanted, &headers, pages.stop, FOR_PAGES)
}

/// A question that only reads, passed on to a node.
pub async fn ask(
    State(pages): State<Pages>,
    Extension(caller): Extension<Caller>,
    Path((node, method)): Path<(u16, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    if !is_readable(&method) {
        return refuse(StatusCode::NOT_FOUND, "there is no method of this name that only reads");
    }
    if pages.network.state.read(|state| state.node(node).is_some_and(|node| node.up && !node.answers)) {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, &DevnetError::NotAnswering { node }.to_string());
    }
    let _turn = match pages.questions.get(&node) {
        Some(turns) => turns.wait(caller).await,
        None => None,
    };
    let path = format!("/v1/ask/0/{method}?{}", query.unwrap_or_default());
    let asked = move || -> Result<(u16, Vec<u8>), DevnetError> {
        pages.network.client(node)?.page(LIMIT, &path).map_err(|error| DevnetError::Node { node, error })
    };
    match tokio::task::spawn_blocking(asked).await {
        Ok(Ok((status, body))) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            for_pages(status, body)
        }
        Ok(Err(error @ DevnetError::NoSuchNode { .. })) => refuse(StatusCode::NOT_FOUND, &error.to_string()),
        Ok(Err(error)) => refuse(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the question failed unexpectedly"),
    }
}

fn refuse(status: StatusCode, message: &str) -> Response {
    for_pages(status, json!({ "error": { "code": null, "message": message } }).to_string())
}
