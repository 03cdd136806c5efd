//! The control API: how another terminal or a page steers the devnet. Loopback, token, JSON.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use cairn_core::address::Address;
use cairn_core::amount::Amount;
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

use crate::devnet::client::BEGUN;
use crate::devnet::error::DevnetError;
use crate::devnet::faucet::Faucet;
use crate::devnet::groups::Groups;
use crate::devnet::mining::Estimate;
use crate::devnet::network::Network;
use crate::devnet::pages::{self, Pages};
use crate::devnet::player::Player;
use crate::devnet::player_api::{self, Theatre};
use crate::devnet::view::View;
use crate::devnet::{account, fork, mining, status};
use cairn_daemon::page;
use cairn_daemon::rpc::auth::Gate;
use cairn_daemon::web::ask::FreeTurns;
use cairn_daemon::web::connection_slots::Caller;
use cairn_daemon::web::connections;
use cairn_daemon::web::events::Followers;

/// No step needs more words.
const MAX_BODY: usize = 16 * 1024;
/// How long a caller may take to send them.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Blocks of one request.
const MOST_BLOCKS: u64 = 10_000;
/// Blocks that `cairn net mine` takes, in several requests.
const MOST_ESTIMATED: u64 = 100_000;
/// How long a step waits for those before it, unless its caller wants to know sooner.
const PATIENCE: Duration = Duration::from_secs(30);
/// Per cent of a node's first hash rate.
const MOST_PERCENT: u64 = 10_000;

/// What the API works on.
#[derive(Debug)]
pub struct Control {
    network: Arc<Network>,
    view: View,
    faucet: Result<Faucet, String>,
    player: Arc<Player>,
}

/// How long a caller would have a step wait for those before it.
#[derive(Deserialize)]
struct Wait {
    wait_ms: Option<u64>,
}

#[derive(Deserialize)]
struct OneNode {
    node: u16,
}

#[derive(Deserialize)]
struct Mine {
    node: u16,
    blocks: u32,
    to: Option<String>,
}

#[derive(Deserialize)]
struct Hashrate {
    node: u16,
    percent: u64,
}

#[derive(Deserialize)]
struct Slow {
    node: u16,
    delay_ms: u64,
}

#[derive(Deserialize)]
struct Pay {
    address: String,
    amount: String,
    node: u16,
}

#[derive(Deserialize)]
struct Cut {
    groups: String,
}

#[derive(Deserialize)]
struct Fork {
    blocks: u32,
}

/// Opens the API's port: this one if it is free, else any on loopback.
///
/// # Errors
/// When there is none.
pub fn listen(wanted: u16) -> Result<(std::net::TcpListener, SocketAddr), DevnetError> {
    let fail = |source| DevnetError::Io { attempt: "open", place: "a port on loopback".into(), source };
    let open = |port| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = open(wanted).or_else(|_| open(0)).map_err(fail)?;
    listener.set_nonblocking(true).map_err(fail)?;
    let address = listener.local_addr().map_err(fail)?;
    Ok((listener, address))
}

/// A token of 256 bits, as hex.
///
/// # Errors
/// When the system gives no randomness.
pub fn new_token() -> Result<String, DevnetError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| DevnetError::Io {
        attempt: "read",
        place: "the system's randomness".into(),
        source: std::io::Error::other(error.to_string()),
    })?;
    Ok(hex::encode(bytes))
}

/// Serves the API and the page until the program ends.
///
/// # Errors
/// When the port breaks.
pub async fn serve(
    listener: std::net::TcpListener,
    network: Arc<Network>,
    view: View,
    token: String,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let gate = Arc::new(Gate::new(listener.local_addr()?, Vec::new()));
    let faucet = Faucet::new(&network).map_err(|error| error.to_string());
    let stop = CancellationToken::new();
    let (followers, readers) = (Followers::default(), FreeTurns::default());
    let pages = Pages::new(network.clone(), view.clone(), followers.clone(), readers.clone(), stop.clone());
    let theatre = Theatre { player: Arc::default(), followers, readers, stop: stop.clone() };
    let control = Arc::new(Control { network, view, faucet, player: theatre.player.clone() });
    let router = Router::new()
        .route("/", get(page::index))
        .route("/assets/{*path}", get(page::asset))
        .merge(
            Router::new()
                .route("/v1/view", get(pages::view))
                .route("/v1/ask/{node}/{method}", get(pages::ask))
                .route("/v1/events", get(pages::follow))
                .with_state(pages),
        )
        .merge(
            Router::new()
                .route("/v1/scenarios", get(player_api::scenarios))
                .route("/v1/player", get(player_api::bill))
                .route("/v1/player/view", get(player_api::view))
                .route("/v1/player/events", get(player_api::follow))
                .with_state(theatre),
        )
        .merge(
            Router::new()
                .route("/v1/{step}", post(step))
                .route("/v1/player/{knob}", post(turn))
                .with_state(control),
        )
        .fallback(async || refuse(StatusCode::NOT_FOUND, "there is no such path here"))
        .method_not_allowed_fallback(async || {
            refuse(
                StatusCode::METHOD_NOT_ALLOWED,
                "this path takes another method: steps are a POST, the rest a GET",
            )
        })
        .layer(middleware::from_fn_with_state(gate, pass));
    let knows = Arc::new(move |headers: &HeaderMap| {
        let found = token_of(headers).map(|found| found.as_bytes().ct_eq(token.as_bytes()));
        found.is_some_and(bool::from)
    });
    connections::serve(listener, router, knows, stop).await;
    Ok(())
}

/// A page of another site can reach loopback, and so can one whose name was made to point there.
async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    page::for_this_server_alone(match gate.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refuse(StatusCode::FORBIDDEN, &refusal.to_string()),
    })
}

async fn step(
    State(control): State<Arc<Control>>,
    Extension(caller): Extension<Caller>,
    Path(step): Path<String>,
    wait: Result<Query<Wait>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let patience = match wait {
        Ok(Query(Wait { wait_ms })) => wait_ms.map_or(PATIENCE, Duration::from_millis).min(PATIENCE),
        Err(wrong) => return refuse(StatusCode::BAD_REQUEST, &wrong.body_text()),
    };
    let act = move |control: &Control, body: &[u8]| control.carry_out(&step, patience, body);
    steer(control, caller, &headers, body, act).await
}

async fn turn(
    State(control): State<Arc<Control>>,
    Extension(caller): Extension<Caller>,
    Path(knob): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let act = move |control: &Control, body: &[u8]| player_api::turn(&control.player, &knob, body);
    steer(control, caller, &headers, body, act).await
}

/// Steering takes the token.
fn admit(caller: Caller, headers: &HeaderMap) -> Result<(), &'static str> {
    match caller {
        Caller::Known => Ok(()),
        Caller::Stranger if token_of(headers).is_none() => {
            Err("steering takes the devnet's token, which is in the address that it printed")
        }
        Caller::Stranger => {
            Err("the token is wrong: it belongs to another devnet, or this one was restarted")
        }
    }
}

fn token_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Carries out what was asked for. It waits for nodes, so it must not hold up the tasks of the runtime. The
/// body is read first: a caller that is still writing it would never read why it was refused.
async fn steer(
    control: Arc<Control>,
    caller: Caller,
    headers: &HeaderMap,
    body: Body,
    act: impl FnOnce(&Control, &[u8]) -> Result<Value, DevnetError> + Send + 'static,
) -> Response {
    let body = match tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, MAX_BODY)).await {
        Ok(Ok(body)) => body,
        // Too large or cut off: in the second case nobody is left to read this.
        Ok(Err(_)) => {
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, &format!("a body has at most {MAX_BODY} bytes"));
        }
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
    };
    if let Err(refusal) = admit(caller, headers) {
        return refuse(StatusCode::FORBIDDEN, refusal);
    }
    match tokio::task::spawn_blocking(move || act(&control, &body)).await {
        Ok(Ok(value)) => Json(value).into_response(),
        Ok(Err(error)) if error.is_after_the_beginning() => {
            let begun = json!({ "error": error.to_string(), "hashes": error.mined() });
            (BEGUN, Json(begun)).into_response()
        }
        Ok(Err(error)) => refuse(StatusCode::BAD_REQUEST, &error.to_string()),
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the step failed unexpectedly"),
    }
}

/// A number that nobody regrets.
fn within(found: u64, (least, most): (u64, u64), what: &str) -> Result<(), DevnetError> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(DevnetError::Argument {
        found: found.to_string(),
        expected: format!("number of {what} from {least} to {most}"),
    })
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}

impl Control {
    fn carry_out(&self, step: &str, patience: Duration, body: &[u8]) -> Result<Value, DevnetError> {
        let network = &*self.network;
        let nodes = network.ids().end;
        match step {
            "status" => return Ok(status::collect(network)),
            "accounts" => {
                let accounts = account::funded(&network.chain);
                return Ok(accounts.iter().map(account::Account::to_json).collect());
            }
            "play" => return player_api::turn(&self.player, step, body),
            // Many blocks take their time, and no other step need wait for them.
            "mine" => return self.mine(body),
            "estimate" => {
                let Mine { node, blocks, .. } = DevnetError::read(body)?;
                within(blocks.into(), (1, MOST_ESTIMATED), "blocks")?;
                let estimate = mining::estimate(network, node, blocks)?;
                return Ok(
                    json!({ "words": estimate.as_ref().and_then(Estimate::in_words), "estimate": estimate }),
                );
            }
            _ => {}
        }
        let _turn = network.turns.wait_at_most(patience, step)?;
        match step {
            "partition" => {
                let groups = Groups::parse(&DevnetError::read::<Cut>(body)?.groups, nodes)?;
                network.cut(groups.clone())?;
                Ok(json!({ "groups": groups.to_string() }))
            }
            "heal" => {
                network.cut(Groups::whole(nodes))?;
                Ok(json!({ "groups": network.groups().to_string() }))
            }
            "fork" => {
                let Fork { blocks } = DevnetError::read(body)?;
                within(blocks.into(), (1, MOST_BLOCKS), "blocks")?;
                fork::run(network, blocks)
            }
            "kill" => {
                let OneNode { node } = DevnetError::read(body)?;
                network.kill(node)?;
                Ok(json!({ "killed": node }))
            }
            "restart" => {
                let OneNode { node } = DevnetError::read(body)?;
                network.restart(node)?;
                Ok(json!({ "restarted": node }))
            }
            "hashrate" => {
                let Hashrate { node, percent } = DevnetError::read(body)?;
                self.check_answers(node)?;
                within(percent, (0, MOST_PERCENT), "per cent of the first hash rate")?;
                network.hashrate(node, percent)?;
                Ok(json!({ "node": node, "percent": percent }))
            }
            "slow" => {
                let Slow { node, delay_ms } = DevnetError::read(body)?;
                self.check_answers(node)?;
                network.slow(node, delay_ms)?;
                Ok(json!({ "node": node, "delay_ms": delay_ms }))
            }
            "faucet" => {
                let Pay { address, amount, node } = DevnetError::read(body)?;
                self.check_answers(node)?;
                let amount: Amount = amount.parse().map_err(|_| DevnetError::Argument {
                    found: amount.clone(),
                    expected: "amount of coins, as in 12.5".into(),
                })?;
                let no_faucet =
                    |_: &String| DevnetError::NoFaucet { chain: network.chain.params.name.clone() };
                let faucet = self.faucet.as_ref().map_err(no_faucet)?;
                faucet.pay(network, node, &self.address(&address)?, amount)
            }
            _ => Err(DevnetError::Argument { found: step.to_owned(), expected: "step of this API".into() }),
        }
    }

    fn mine(&self, body: &[u8]) -> Result<Value, DevnetError> {
        let Mine { node, blocks, to } = DevnetError::read(body)?;
        self.check_answers(node)?;
        within(blocks.into(), (1, MOST_BLOCKS), "blocks")?;
        let to = match to {
            Some(address) => self.address(&address)?.to_string(),
            None => self.network.plan(node)?.reward,
        };
        Ok(json!({ "hashes": mining::mine(&self.network, node, blocks, &to)?, "to": to }))
    }

    /// A node that hangs would keep the step, and every step behind it, for a minute.
    fn check_answers(&self, node: u16) -> Result<(), DevnetError> {
        let is_down = self.network.rpc(node).is_err();
        if is_down || self.view.answers(node) { Ok(()) } else { Err(DevnetError::NotAnswering { node }) }
    }

    fn address(&self, text: &str) -> Result<Address, DevnetError> {
        Address::parse(text, &self.network.chain.params.address_prefix).map_err(|error| {
            DevnetError::Argument {
                found: text.chars().take(100).collect(),
                expected: format!("address of this chain ({error})"),
            }
        })
    }
}
