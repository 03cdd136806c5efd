//! The HTTP server of a node: page, JSON-RPC, stream of events, questions of pages, metrics, health.

pub mod args;
pub mod ask;
pub mod connection_slots;
pub mod connections;
pub mod event_recorder;
pub mod events;
pub mod metrics;
pub mod reply;
pub mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{FromRequestParts, Path, Request, State};
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
use crate::rpc::json::json;
use crate::web::args::Args;
use crate::web::ask::{Asked, FreeTurn, FreeTurns};
use crate::web::connection_slots::Caller;
use crate::web::events::{Followers, Wanted};
use crate::web::reply::ApiError;
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
        .fallback(async || ApiError::new(StatusCode::NOT_FOUND, "there is no such path here"))
        .method_not_allowed_fallback(async || {
            let message = "this path takes another method: calls are a POST to /, the rest a GET";
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message)
        })
        .layer(middleware::from_fn_with_state(app.clone(), gate))
        .with_state(app)
}

async fn gate(State(app): State<App>, request: Request, next: Next) -> Response {
    page::for_this_server_alone(match app.gate.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => ApiError::new(StatusCode::FORBIDDEN, error.to_string()).into_response(),
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
        Err(_) => {
            let message = format!("the body took longer than {} s", BODY_TIMEOUT.as_secs());
            return ApiError::new(StatusCode::REQUEST_TIMEOUT, message).into_response();
        }
    };
    let answer = rpc::answer(&app.rpc, &body).await;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(CONTENT_TYPE, "application/json")], answer.body).into_response()
}

fn too_large() -> Response {
    let message = format!("a body has at most {MAX_BODY} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message).into_response()
}

async fn follow(
    State(app): State<App>,
    Owner(caller): Owner,
    Args(wanted): Args<Wanted>,
    headers: HeaderMap,
) -> Response {
    app.followers.follow(caller, app.events, &wanted, &headers, app.stop, Duration::ZERO)
}

/// The same stream for pages.
async fn follow_as_page(
    State(app): State<App>,
    Reader(caller): Reader,
    Args(wanted): Args<Wanted>,
    headers: HeaderMap,
) -> Response {
    app.followers.follow(caller, app.events, &wanted, &headers, app.stop, events::FOR_PAGES)
}

async fn ask(
    State(app): State<App>,
    Path((node, method)): Path<(String, String)>,
    Args(asked): Args<Asked>,
    _turn: Question,
) -> Response {
    if node != ask::ITSELF {
        return ask::no_such_node(&node).into_response();
    }
    ask::answer(rpc::ask(&app.rpc, &method, asked.params.as_deref()).await)
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
        let message =
            "this path takes the cookie: user and password are the line in .cookie of the data directory";
        let error = ApiError::new(StatusCode::UNAUTHORIZED, message);
        Err(([(WWW_AUTHENTICATE, "Basic realm=\"jsonrpc\"")], error).into_response())
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
