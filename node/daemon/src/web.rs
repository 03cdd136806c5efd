//! What a node shows over HTTP: its page, JSON-RPC, the stream of events, what pages ask, metrics, health.

pub mod ask;
pub mod connections;
pub mod events;
pub mod metrics;
pub mod places;
pub mod record;
pub mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::event_log::EventLog;
use crate::handle::NodeHandle;
use crate::page;
use crate::rpc;
use crate::rpc::access::Rpc;
use crate::rpc::auth::{Cookie, Gate};
use crate::rpc::error::{Code, RpcError};
use crate::rpc::json::json;
use crate::web::ask::{Asked, FreeTurn, FreeTurns};
use crate::web::events::{Followers, Wanted};
use crate::web::places::Caller;
use crate::web::view::Known;

/// Bytes of a request's body: the largest block of any definition (4 MiB) in hex, and its envelope.
const MAX_BODY: usize = 8 * 1024 * 1024 + 64 * 1024;
/// How long a caller may take to send it.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// What a wrong password costs, so that guessing is slow: Bitcoin Core's figure.
const WRONG_PASSWORD_DELAY: Duration = Duration::from_millis(250);

/// What the server needs besides the node.
pub struct Settings {
    /// The secret that callers must know.
    pub cookie: Cookie,
    /// Names besides addresses and `localhost` by which callers may reach it.
    pub allowed_hosts: Vec<String>,
    /// Ends the server.
    pub stop: CancellationToken,
}

#[derive(Clone)]
struct App {
    rpc: Rpc,
    events: EventLog,
    known: Known,
    gate: Arc<Gate>,
    followers: Followers,
    questions: FreeTurns,
    stop: CancellationToken,
    /// Whether only this machine can connect.
    on_loopback: bool,
}

/// Serves until told to stop, then removes the cookie file.
///
/// # Errors
/// When the listener has no address.
pub async fn serve(listener: TcpListener, rpc: Rpc, settings: Settings) -> std::io::Result<()> {
    metrics::recorder();
    let address = listener.local_addr()?;
    let cookie = Arc::new(settings.cookie);
    let app = App {
        events: rpc.events().clone(),
        known: Known::default(),
        rpc,
        stop: settings.stop.clone(),
        gate: Arc::new(Gate::new(address, settings.allowed_hosts)),
        followers: Followers::default(),
        questions: FreeTurns::default(),
        on_loopback: address.ip().is_loopback(),
    };
    let known = cookie.clone();
    let knows = Arc::new(move |headers: &HeaderMap| known.admits(headers));
    connections::serve(listener, router(app), knows, settings.stop).await;
    cookie.remove();
    Ok(())
}

/// The node is loaded: from now on calls reach it, and what happens is told.
pub fn open(rpc: &Rpc, node: NodeHandle) {
    tokio::spawn(record::record(rpc.events().clone(), node.subscribe()));
    rpc.open(node);
}

fn router(app: App) -> Router {
    Router::new()
        .route("/", get(index).post(call))
        .route("/assets/{*path}", get(page::asset))
        .route("/events", get(follow))
        .route("/metrics", get(measure))
        .route("/v1/ask/{node}/{method}", get(ask))
        .route("/v1/events", get(follow_freely))
        .route("/v1/view", get(view))
        .route("/health", get(health))
        .layer(middleware::from_fn_with_state(app.clone(), gate))
        .with_state(app)
}

async fn gate(State(app): State<App>, request: Request, next: Next) -> Response {
    page::for_this_server_alone(match app.gate.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => (StatusCode::FORBIDDEN, format!("{refusal}\n")).into_response(),
    })
}

/// The page about this node. Its files hold nothing secret; what they show does.
async fn index(State(app): State<App>, Extension(caller): Extension<Caller>, headers: HeaderMap) -> Response {
    match app.admit_reader(caller, &headers).await {
        Ok(()) => page::index().await,
        Err(refused) => refused,
    }
}

/// The secret is checked before a byte of the body is read.
async fn call(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if let Err(refused) = app.admit(caller, &headers).await {
        return refused;
    }
    if body.size_hint().lower() > MAX_BODY as u64 {
        return too_large();
    }
    let body = match tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, MAX_BODY)).await {
        Ok(Ok(body)) => body,
        // Too large or cut off: in the second case nobody is left to read this.
        Ok(Err(_)) => return too_large(),
        Err(_) => return (StatusCode::REQUEST_TIMEOUT, "the body took too long\n").into_response(),
    };
    let answer = rpc::answer(&app.rpc, &body).await;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(CONTENT_TYPE, "application/json")], answer.body).into_response()
}

fn too_large() -> Response {
    (StatusCode::PAYLOAD_TOO_LARGE, format!("a body has at most {MAX_BODY} bytes\n")).into_response()
}

async fn follow(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    match app.admit(caller, &headers).await {
        Ok(()) => app.followers.follow(caller, app.events, &wanted, &headers, app.stop, Duration::ZERO),
        Err(refused) => refused,
    }
}

/// The same stream for pages.
async fn follow_freely(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    match app.admit_reader(caller, &headers).await {
        Ok(()) => app.followers.follow(caller, app.events, &wanted, &headers, app.stop, events::FOR_PAGES),
        Err(refused) => refused,
    }
}

async fn ask(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((node, method)): Path<(String, String)>,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let _turn = match app.admit_question(caller, &headers).await {
        Ok(turn) => turn,
        Err(refused) => return refused,
    };
    ask::answer(match asked {
        _ if node != ask::ITSELF => Err(ask::no_such_node(&node)),
        Ok(Query(asked)) => rpc::ask(&app.rpc, &method, asked.params.as_deref()).await,
        Err(error) => Err(RpcError::new(Code::InvalidRequest, error.body_text())),
    })
}

async fn view(State(app): State<App>, Extension(caller): Extension<Caller>, headers: HeaderMap) -> Response {
    match app.admit_question(caller, &headers).await {
        Ok(_turn) => ask::answer(view::view(&app.rpc, &app.known).await.map(|view| json(&view))),
        Err(refused) => refused,
    }
}

async fn measure(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response {
    match app.admit_question(caller, &headers).await {
        Ok(_turn) => metrics::page(&app.rpc).await.into_response(),
        Err(refused) => refused,
    }
}

/// 200 once the node answers, 503 while it loads or stops.
async fn health(State(app): State<App>) -> Response {
    match app.rpc.query(|_| ()).await {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", error.message)).into_response(),
    }
}

impl App {
    /// What the node shows of itself and the chain is no secret on its own machine, but not for
    /// strangers on others: those need the cookie.
    async fn admit_reader(&self, caller: Caller, headers: &HeaderMap) -> Result<(), Response> {
        if self.on_loopback { Ok(()) } else { self.admit(caller, headers).await }
    }

    /// A reader whose question takes the node's time. A stranger's waits for its turn, which lasts as long
    /// as what is returned.
    async fn admit_question(
        &self,
        caller: Caller,
        headers: &HeaderMap,
    ) -> Result<Option<FreeTurn>, Response> {
        self.admit_reader(caller, headers).await?;
        Ok(self.questions.wait(caller).await)
    }

    async fn admit(&self, caller: Caller, headers: &HeaderMap) -> Result<(), Response> {
        if caller == Caller::Known {
            return Ok(());
        }
        if headers.contains_key(axum::http::header::AUTHORIZATION) {
            tokio::time::sleep(WRONG_PASSWORD_DELAY).await;
        }
        let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"jsonrpc\"")];
        Err((StatusCode::UNAUTHORIZED, challenge).into_response())
    }
}

#[cfg(test)]
mod tests;
