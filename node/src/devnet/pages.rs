//! What a browser reads of the devnet: the picture, the events, and what nodes answer. Reading takes
//! no token.

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
use crate::devnet::view::View;
use cairn_daemon::rpc::table::is_readable;
use cairn_daemon::web::ask::{FreeTurns, for_pages};
use cairn_daemon::web::connection_slots::Caller;
use cairn_daemon::web::events::{FOR_PAGES, Followers, Wanted};

/// How long a node may take to answer a page: a question that is open keeps one of the browser's six connections.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is read.
#[derive(Clone, Debug)]
pub struct Pages {
    network: Arc<Network>,
    view: View,
    /// What never changes.
    fixed: serde_json::Value,
    followers: Followers,
    /// Turns of questions without the token, for each node: one that hangs holds up no other.
    questions: Arc<BTreeMap<u16, FreeTurns>>,
    /// Turns of those who read a picture without the token.
    readers: FreeTurns,
    stop: CancellationToken,
}

impl Pages {
    /// Of this network and the picture of it.
    pub fn new(
        network: Arc<Network>,
        view: View,
        followers: Followers,
        readers: FreeTurns,
        stop: CancellationToken,
    ) -> Self {
        let addresses = network.ids().filter_map(|id| network.plan(id).ok());
        let fixed = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "addresses": addresses
                .map(|plan| json!({ "peer": plan.peer.to_string(), "rpc": plan.rpc.to_string() }))
                .collect::<Vec<_>>(),
        });
        let questions = Arc::new(network.ids().map(|id| (id, FreeTurns::default())).collect());
        Self { network, view, fixed, followers, questions, readers, stop }
    }
}

/// How much of the picture is wanted.
#[derive(Debug, Deserialize)]
pub struct Extent {
    /// So many of the latest blocks; without it, all that are kept.
    pub blocks: Option<usize>,
}

/// The whole picture.
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
    let mut picture = pages.view.snapshot(extent.blocks.unwrap_or(usize::MAX));
    for (name, value) in pages.fixed.as_object().into_iter().flatten() {
        picture[name] = value.clone();
    }
    for_pages(StatusCode::OK, picture.to_string())
}

/// What happens, as server-sent events.
pub async fn follow(
    State(pages): State<Pages>,
    Extension(caller): Extension<Caller>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let log = pages.view.log().clone();
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
    if !pages.view.answers(node) {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, &DevnetError::NotAnswering { node }.to_string());
    }
    let _turn = match pages.questions.get(&node) {
        Some(turns) => turns.wait(caller).await,
        None => None,
    };
    let path = format!("/v1/ask/0/{method}?{}", query.unwrap_or_default());
    let asked = move || -> Result<(u16, Vec<u8>), DevnetError> {
        pages.network.rpc(node)?.page(PATIENCE, &path).map_err(|failure| DevnetError::Node { node, failure })
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
