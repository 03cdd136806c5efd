//! The control API: how another terminal or a page steers the devnet. Loopback, token, JSON.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_daemon::api::tagged::join;
use cairn_daemon::page;
use cairn_daemon::rpc::auth::Gate;
use cairn_daemon::web::args::{Args, Arguments};
use cairn_daemon::web::ask::FreeTurns;
use cairn_daemon::web::connection_slots::Caller;
use cairn_daemon::web::connections;
use cairn_daemon::web::events::Followers;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

use crate::devnet::client::{BEGUN, Failure};
use crate::devnet::command::{DevnetCommand, EstimateReply, GroupsReply, HashrateReply, Mined, SlowReply};
use crate::devnet::error::DevnetError;
use crate::devnet::faucet::Faucet;
use crate::devnet::groups::Groups;
use crate::devnet::http_routes::{self, Feed, Questions, Source, reject};
use crate::devnet::network::{Network, Setting};
use crate::devnet::player::Player;
use crate::devnet::{fork, funded_accounts, mining, status};

/// Limit of a request's body, in bytes.
const MAX_BODY: usize = 16 * 1024;
/// Time limit for sending it.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time in the queue of steps; a request may set a shorter one.
const TURN_LIMIT: Duration = Duration::from_secs(30);

/// What the API works on.
#[derive(Debug)]
pub struct Control {
    network: Arc<Network>,
    faucet: Result<Faucet, String>,
    player: Arc<Player>,
}

/// Longest time in the queue of steps, in milliseconds.
#[derive(Deserialize)]
struct Wait {
    wait_ms: Option<u64>,
}

impl Arguments for Wait {
    const EXPECTED: &'static str = "wait_ms=NUMBER, in milliseconds";
}

/// Opens the API's port: this one if it is free, else any on loopback.
pub fn listen(wanted: u16) -> Result<(std::net::TcpListener, SocketAddr), DevnetError> {
    let bind = |port| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let open = || {
        let listener = bind(wanted).or_else(|_| bind(0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    open().map_err(DevnetError::io("open", "a port on loopback"))
}

/// A token of 256 bits, as hex.
pub fn new_token() -> Result<String, DevnetError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| std::io::Error::other(error.to_string()))
        .map_err(DevnetError::io("read", "the system's randomness"))?;
    Ok(hex::encode(bytes))
}

/// Serves the API and the page until the program ends.
pub async fn serve(
    listener: std::net::TcpListener,
    network: Arc<Network>,
    token: String,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let gate = Arc::new(Gate::new(listener.local_addr()?, Vec::new()));
    let faucet = Faucet::new(&network).map_err(|error| error.to_string());
    let stop = CancellationToken::new();
    let player = Arc::<Player>::default();
    let feed = Feed {
        source: Source::Devnet(network.state.clone()),
        addresses: http_routes::addresses(&network),
        followers: Followers::default(),
        readers: FreeTurns::default(),
        stop: stop.clone(),
    };
    let played = Feed { source: Source::Player(player.clone()), addresses: Vec::new(), ..feed.clone() };
    let questions = Questions::new(network.clone());
    let control = Arc::new(Control { network, faucet, player: player.clone() });
    let reading = |path: &str, feed| {
        let routes = Router::new().route(&format!("{path}/view"), get(http_routes::view));
        routes.route(&format!("{path}/events"), get(http_routes::follow)).with_state(feed)
    };
    let router = Router::new()
        .route("/", get(page::index))
        .route("/assets/{*path}", get(page::asset))
        .merge(reading("/v1", feed))
        .merge(reading("/v1/player", played))
        .route("/v1/scenarios", get(http_routes::scenarios))
        .merge(Router::new().route("/v1/player", get(http_routes::playback)).with_state(player))
        .merge(Router::new().route("/v1/ask/{node}/{method}", get(http_routes::ask)).with_state(questions))
        .merge(
            Router::new()
                .route("/v1/{step}", post(step))
                .route("/v1/player/{command}", post(play))
                .with_state(control),
        )
        .fallback(async || reject(StatusCode::NOT_FOUND, "there is no such path here"))
        .method_not_allowed_fallback(async || {
            reject(
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
        Err(error) => reject(StatusCode::FORBIDDEN, &error.to_string()),
    })
}

async fn step(
    State(control): State<Arc<Control>>,
    Extension(caller): Extension<Caller>,
    Path(step): Path<String>,
    Args(Wait { wait_ms }): Args<Wait>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let limit = wait_ms.map_or(TURN_LIMIT, Duration::from_millis).min(TURN_LIMIT);
    // The player's first command is a step too.
    if step == "play" {
        return play(State(control), Extension(caller), Path(step), headers, body).await;
    }
    let cancelled = CancellationToken::new();
    // The request is dropped when its connection closes.
    let _guard = cancelled.clone().drop_guard();
    let act = move |control: &Control, body: &str| {
        control.carry_out(read(&step, body)?, limit, &step, &|| cancelled.is_cancelled())
    };
    steer(control, caller, &headers, body, act).await
}

async fn play(
    State(control): State<Arc<Control>>,
    Extension(caller): Extension<Caller>,
    Path(command): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let act = move |control: &Control, body: &str| {
        control.player.carry_out(read(&command, body)?)?;
        reply(json!({}))
    };
    steer(control, caller, &headers, body, act).await
}

/// Reads a command: its name from the path, its arguments from the body, which may be empty
/// where there are none.
fn read<T: DeserializeOwned>(name: &str, body: &str) -> Result<T, DevnetError> {
    let body = if body.trim().is_empty() { "{}" } else { body };
    join(name, body).map_err(|error| DevnetError::Argument {
        found: format!("{name} {body}").chars().take(100).collect(),
        expected: format!("step of this API with its arguments ({error})"),
    })
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

/// Carries out a command. It blocks on calls to nodes, so it must not hold up the tasks of the runtime. The
/// body is read first: a caller that is still writing it would never read why it was rejected.
async fn steer(
    control: Arc<Control>,
    caller: Caller,
    headers: &HeaderMap,
    body: Body,
    act: impl FnOnce(&Control, &str) -> Result<Value, DevnetError> + Send + 'static,
) -> Response {
    let body = match tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, MAX_BODY)).await {
        Ok(Ok(body)) => body,
        // Too large or cut off; in the second case the reply has no reader.
        Ok(Err(_)) => {
            return reject(StatusCode::PAYLOAD_TOO_LARGE, &format!("a body has at most {MAX_BODY} bytes"));
        }
        Err(_) => return reject(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
    };
    if let Err(reason) = admit(caller, headers) {
        return reject(StatusCode::FORBIDDEN, reason);
    }
    match tokio::task::spawn_blocking(move || act(&control, &String::from_utf8_lossy(&body))).await {
        Ok(Ok(reply)) => Json(reply).into_response(),
        Ok(Err(error)) if error.is_after_the_beginning() => {
            let begun = Failure { error: error.to_string(), hashes: error.mined().to_vec() };
            (BEGUN, Json(begun)).into_response()
        }
        Ok(Err(error)) => reject(StatusCode::BAD_REQUEST, &error.to_string()),
        Err(_) => reject(StatusCode::INTERNAL_SERVER_ERROR, "the step failed unexpectedly"),
    }
}

fn reply(value: impl Serialize) -> Result<Value, DevnetError> {
    Ok(serde_json::to_value(value).expect("replies have text keys"))
}

impl Control {
    fn carry_out(
        &self,
        command: DevnetCommand,
        limit: Duration,
        name: &str,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Value, DevnetError> {
        command.check()?;
        let network = &*self.network;
        let nodes = network.ids().end;
        // Looking, and mining, which takes its time: no step need wait for them.
        let _turn = match &command {
            DevnetCommand::Status {}
            | DevnetCommand::Accounts {}
            | DevnetCommand::Estimate { .. }
            | DevnetCommand::Mine { .. } => None,
            _ => Some(network.turns.wait_at_most(limit, name)?),
        };
        match command {
            DevnetCommand::Status {} => reply(status::collect(network)),
            DevnetCommand::Accounts {} => reply(funded_accounts::funded(&network.chain)),
            DevnetCommand::Partition { groups } => {
                network.partition(Groups::parse(&groups.join(" "), nodes)?)?;
                reply(GroupsReply { groups: network.groups().to_string(), changed: true })
            }
            DevnetCommand::Heal {} => {
                // Nodes that have missed the last healing are not whole yet.
                let changed = !network.groups().is_whole() || network.is_missed(Setting::Partition);
                if changed {
                    network.heal()?;
                }
                reply(GroupsReply { groups: network.groups().to_string(), changed })
            }
            DevnetCommand::Fork { blocks } => reply(fork::run(network, blocks)?),
            DevnetCommand::Kill { node } => {
                network.kill(node)?;
                reply(json!({ "killed": node }))
            }
            DevnetCommand::Restart { node } => {
                network.restart(node)?;
                reply(json!({ "restarted": node }))
            }
            DevnetCommand::Mine { node, blocks, to, limit_ms } => {
                self.check_answers(node)?;
                let to = match to {
                    Some(address) => self.address(&address)?.to_string(),
                    None => network.plan(node)?.reward,
                };
                let limit = Duration::from_millis(limit_ms);
                let (hashes, why_fewer) =
                    mining::mine_within(network, node, blocks, &to, limit, is_cancelled)?;
                reply(Mined { hashes, to, why_fewer })
            }
            DevnetCommand::Estimate { node, blocks } => {
                let estimate = mining::estimate(network, node, blocks)?;
                reply(EstimateReply { words: estimate.as_ref().and_then(mining::in_words), estimate })
            }
            DevnetCommand::Hashrate { node, percent } => {
                let in_force = network.hashrate(node, percent)?;
                reply(HashrateReply { node, percent, in_force })
            }
            DevnetCommand::Slow { node, delay_ms } => {
                let in_force = network.slow(node, delay_ms)?;
                reply(SlowReply { node, delay_ms, in_force })
            }
            DevnetCommand::Faucet { address, amount, node } => {
                self.check_answers(node)?;
                let amount: Amount = amount.parse().map_err(|_| DevnetError::Argument {
                    found: amount.clone(),
                    expected: "an amount of coins, as in 12.5".into(),
                })?;
                let no_faucet =
                    |_: &String| DevnetError::NoFaucet { chain: network.chain.params.name.clone() };
                let faucet = self.faucet.as_ref().map_err(no_faucet)?;
                reply(faucet.pay(network, node, &self.address(&address)?, amount)?)
            }
        }
    }

    /// A node that hangs would keep the step, and every step behind it, for a minute.
    fn check_answers(&self, node: u16) -> Result<(), DevnetError> {
        drop(self.network.client(node)?);
        let answers = self.network.state.read(|state| state.answers(node));
        if answers { Ok(()) } else { Err(DevnetError::NotAnswering { nodes: vec![node] }) }
    }

    fn address(&self, text: &str) -> Result<Address, DevnetError> {
        Address::parse(text, &self.network.chain.params.address_prefix).map_err(|error| {
            DevnetError::Argument {
                found: text.chars().take(100).collect(),
                expected: format!("an address of this chain ({error})"),
            }
        })
    }
}
