//! HTTP routes that a browser reads: the view and the events of a devnet or of a scenario that is played, and replies
//! of nodes. Reading takes no token.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use cairn_daemon::rpc::table::is_readable;
use cairn_daemon::web::args::{Args, Arguments};
use cairn_daemon::web::ask::FreeTurns;
use cairn_daemon::web::connection_slots::Caller;
use cairn_daemon::web::events::{FOR_PAGES, Followers, Wanted};
use cairn_daemon::web::reply::for_pages;
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::devnet::error::DevnetError;
use crate::devnet::network::Network;
use crate::devnet::plan::NodePlan;
use crate::devnet::player::{Player, builtin_scenarios};
use crate::devnet::shared_state::SharedState;
use crate::devnet::view::{DevnetView, NodeAddresses};

/// Time limit of a node for a page's question, which keeps one of the browser's six connections.
const LIMIT: Duration = Duration::from_secs(5);

/// The view and the events of one network.
#[derive(Clone, Debug)]
pub struct Feed {
    pub source: Source,
    pub addresses: Vec<NodeAddresses>,
    pub followers: Followers,
    /// Turns of those who read a view without the token.
    pub readers: FreeTurns,
    pub stop: CancellationToken,
}

/// The network that a feed is about.
#[derive(Clone, Debug)]
pub enum Source {
    Devnet(SharedState),
    Player(Arc<Player>),
}

impl Source {
    fn state(&self) -> Option<SharedState> {
        match self {
            Self::Devnet(state) => Some(state.clone()),
            Self::Player(player) => player.state(),
        }
    }
}

/// Extent of the view that is wanted.
#[derive(Debug, Deserialize)]
pub struct Extent {
    /// Limit of the latest blocks; none for all that are kept.
    pub blocks: Option<usize>,
}

impl Arguments for Extent {
    const EXPECTED: &'static str = "blocks=NUMBER, the limit of the latest blocks";
}

/// The view with as many blocks as are wanted.
pub async fn view(
    State(feed): State<Feed>,
    Extension(caller): Extension<Caller>,
    Args(extent): Args<Extent>,
) -> Response {
    let _turn = feed.readers.wait(caller).await;
    let Some(state) = feed.source.state() else { return nothing_plays() };
    let view = state.view(extent.blocks.unwrap_or(usize::MAX));
    let view = DevnetView { addresses: feed.addresses, ..view };
    for_pages(StatusCode::OK, serde_json::to_string(&view).expect("views have text keys"))
}

/// What happens, as server-sent events.
pub async fn follow(
    State(feed): State<Feed>,
    Extension(caller): Extension<Caller>,
    Args(wanted): Args<Wanted>,
    headers: HeaderMap,
) -> Response {
    let Some(state) = feed.source.state() else { return nothing_plays() };
    feed.followers.follow(caller, state.log().clone(), &wanted, &headers, feed.stop, FOR_PAGES)
}

/// The scenarios that come with the program.
pub async fn scenarios() -> Response {
    for_pages(StatusCode::OK, builtin_scenarios::list())
}

/// The playback state: `{"plays": null}` when no scenario is played.
pub async fn playback(State(player): State<Arc<Player>>) -> Response {
    for_pages(StatusCode::OK, json!({ "plays": player.playback() }).to_string())
}

/// Questions of pages, passed on to nodes.
#[derive(Clone, Debug)]
pub struct Questions {
    network: Arc<Network>,
    /// Turns of questions without the token, for each node: one that hangs holds up no other.
    turns: Arc<BTreeMap<u16, FreeTurns>>,
}

impl Questions {
    /// Questions to the nodes of this network.
    pub fn new(network: Arc<Network>) -> Self {
        let turns = Arc::new(network.ids().map(|id| (id, FreeTurns::default())).collect());
        Self { network, turns }
    }
}

/// A question that only reads, passed on to a node.
pub async fn ask(
    State(questions): State<Questions>,
    Extension(caller): Extension<Caller>,
    Path((node, method)): Path<(u16, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    if !is_readable(&method) {
        return reject(StatusCode::NOT_FOUND, "there is no method of this name that only reads");
    }
    if questions.network.state.read(|state| state.node(node).is_some_and(|node| node.up && !node.answers)) {
        return reject(
            StatusCode::SERVICE_UNAVAILABLE,
            &DevnetError::NotAnswering { nodes: vec![node] }.to_string(),
        );
    }
    let _turn = match questions.turns.get(&node) {
        Some(turns) => turns.wait(caller).await,
        None => None,
    };
    let path = format!("/v1/ask/0/{method}?{}", query.unwrap_or_default());
    let asked = move || -> Result<(u16, Vec<u8>), DevnetError> {
        let client = questions.network.client(node)?;
        client.page(LIMIT, &path).map_err(|error| DevnetError::Node { node, error })
    };
    match tokio::task::spawn_blocking(asked).await {
        Ok(Ok((status, body))) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            for_pages(status, body)
        }
        Ok(Err(error @ DevnetError::NoSuchNode { .. })) => reject(StatusCode::NOT_FOUND, &error.to_string()),
        Ok(Err(error)) => reject(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        Err(_) => reject(StatusCode::INTERNAL_SERVER_ERROR, "the question failed unexpectedly"),
    }
}

/// The addresses of the nodes.
pub fn addresses(network: &Network) -> Vec<NodeAddresses> {
    let plans = network.ids().filter_map(|id| network.plan(id).ok());
    let addresses = |plan: NodePlan| NodeAddresses { peer: plan.peer.to_string(), rpc: plan.rpc.to_string() };
    plans.map(addresses).collect()
}

fn nothing_plays() -> Response {
    reject(StatusCode::NOT_FOUND, "nothing is played")
}

/// The reply to a request that is rejected.
pub fn reject(status: StatusCode, message: &str) -> Response {
    for_pages(status, json!({ "error": message }).to_string())
}
