//! The HTTP server of a node: page, JSON-RPC, stream of events, questions of pages, metrics, health.

pub mod ask;
pub mod connection_slots;
pub mod connections;
pub mod event_recorder;
pub mod events;
pub mod metrics;
pub mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::request::Parts;
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
use crate::rpc::error::Code;
use crate::rpc::json::json;
use crate::web::ask::{Asked, FreeTurn, FreeTurns};
use crate::web::connection_slots::Caller;
use crate::web::events::{Followers, Wanted};
use crate::web::view::Known;

/// Bytes of a request's body: the largest block of any definition (4 MiB) in hex, and its envelope.
const MAX_BODY: usize = 8 * 1024 * 1024 + 64 * 1024;
/// Timeout of a request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Delay after a wrong password, so that guessing is slow: Bitcoin Core's figure.
const WRONG_PASSWORD_DELAY: Duration = Duration::from_millis(250);

/// Settings of the server.
pub struct Settings {
    pub cookie: Cookie,
    /// Names besides addresses and `localhost` by which callers may reach it.
    pub allowed_hosts: Vec<String>,
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

/// Serves until `stop` is cancelled, then removes the cookie file.
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

/// Connects the server to the loaded node: from now on calls reach it, and its events are recorded.
pub fn open(rpc: &Rpc, node: NodeHandle) {
    tokio::spawn(event_recorder::record(rpc.events().clone(), node.subscribe()));
    rpc.open(node);
}

fn router(app: App) -> Router {
    Router::new()
        .route("/", get(index).post(call))
        .route("/assets/{*path}", get(page::asset))
        .route("/events", get(follow))
        .route("/metrics", get(measure))
        .route("/v1/ask/{node}/{method}", get(ask))
        .route("/v1/events", get(follow_as_page))
        .route("/v1/view", get(view))
        .route("/health", get(health))
        .layer(middleware::from_fn_with_state(app.clone(), gate))
        .with_state(app)
}

async fn gate(State(app): State<App>, request: Request, next: Next) -> Response {
    page::for_this_server_alone(match app.gate.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => (StatusCode::FORBIDDEN, format!("{error}\n")).into_response(),
    })
}

/// The page about this node. Its files hold nothing secret; the data that they show may be.
async fn index(_reader: Reader) -> Response {
    page::index().await
}

/// The secret is checked before a byte of the body is read.
async fn call(State(app): State<App>, _owner: Owner, body: Body) -> Response {
    if body.size_hint().lower() > MAX_BODY as u64 {
        return too_large();
    }
    let body = match tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, MAX_BODY)).await {
        Ok(Ok(body)) => body,
        // Too large, or the connection was lost: then no caller reads this.
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
    Owner(caller): Owner,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    app.followers.follow(caller, app.events, &wanted, &headers, app.stop, Duration::ZERO)
}

/// The same stream for pages.
async fn follow_as_page(
    State(app): State<App>,
    Reader(caller): Reader,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    app.followers.follow(caller, app.events, &wanted, &headers, app.stop, events::FOR_PAGES)
}

async fn ask(
    State(app): State<App>,
    Path((node, method)): Path<(String, String)>,
    asked: Result<Query<Asked>, QueryRejection>,
    _turn: Question,
) -> Response {
    ask::answer(match asked {
        _ if node != ask::ITSELF => Err(ask::no_such_node(&node)),
        Ok(Query(asked)) => rpc::ask(&app.rpc, &method, asked.params.as_deref()).await,
        Err(error) => Err(Code::InvalidRequest.error(error.body_text())),
    })
}

async fn view(State(app): State<App>, _turn: Question) -> Response {
    ask::answer(view::view(&app.rpc, &app.known).await.map(|view| json(&view)))
}

async fn measure(State(app): State<App>, _turn: Question) -> String {
    metrics::page(&app.rpc).await
}

/// 200 once the node answers, 503 while it loads or stops.
async fn health(State(app): State<App>) -> Response {
    match app.rpc.query(|_| ()).await {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", error.message)).into_response(),
    }
}

/// A caller that has shown the secret.
struct Owner(Caller);

impl FromRequestParts<App> for Owner {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Response> {
        if parts.extensions.get() == Some(&Caller::Known) {
            return Ok(Self(Caller::Known));
        }
        if parts.headers.contains_key(AUTHORIZATION) {
            tokio::time::sleep(WRONG_PASSWORD_DELAY).await;
        }
        Err((StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Basic realm=\"jsonrpc\"")]).into_response())
    }
}

/// A caller that may read. What the node shows of itself and the chain is not secret on its own machine, but
/// strangers on other machines need the secret.
struct Reader(Caller);

impl FromRequestParts<App> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match parts.extensions.get() {
            Some(caller) if app.on_loopback => Ok(Self(*caller)),
            _ => Owner::from_request_parts(parts, app).await.map(|Owner(caller)| Self(caller)),
        }
    }
}

/// A reader whose question takes the node's time: a stranger's waits for its turn, which lasts until this is dropped.
struct Question {
    _turn: Option<FreeTurn>,
}

impl FromRequestParts<App> for Question {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let Reader(caller) = Reader::from_request_parts(parts, app).await?;
        Ok(Self { _turn: app.questions.wait(caller).await })
    }
}

#[cfg(test)]
mod tests;
