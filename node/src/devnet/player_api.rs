//! The player's part of the API: what can be played, what is played, and the knobs.

use std::sync::Arc;

use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::devnet::error::DevnetError;
use crate::devnet::player::{FASTEST, Player, shelf};
use cairn_daemon::web::ask::{FreeTurns, for_pages};
use cairn_daemon::web::connection_slots::Caller;
use cairn_daemon::web::events::{FOR_PAGES, Followers, Wanted};

/// The player, and when the server ends.
#[derive(Clone, Debug)]
pub struct Theatre {
    /// The player.
    pub player: Arc<Player>,
    /// The places for streams.
    pub followers: Followers,
    /// Turns of those who read a picture without the token.
    pub readers: FreeTurns,
    /// Ends the streams.
    pub stop: CancellationToken,
}

#[derive(Deserialize)]
struct Play {
    name: String,
    seed: u64,
    speed: u32,
}

#[derive(Deserialize)]
struct Speed {
    speed: u32,
}

/// What can be played.
pub async fn scenarios() -> Response {
    for_pages(StatusCode::OK, shelf::list())
}

/// What is played, if anything is: `{"plays": null}` otherwise.
pub async fn bill(State(theatre): State<Theatre>) -> Response {
    for_pages(StatusCode::OK, json!({ "plays": theatre.player.bill() }).to_string())
}

/// The picture of what is played.
pub async fn view(State(theatre): State<Theatre>, Extension(caller): Extension<Caller>) -> Response {
    let _turn = theatre.readers.wait(caller).await;
    match theatre.player.view() {
        Some(view) => for_pages(StatusCode::OK, view.snapshot(usize::MAX).to_string()),
        None => nothing_plays(),
    }
}

/// What happens in it, as server-sent events.
pub async fn follow(
    State(theatre): State<Theatre>,
    Extension(caller): Extension<Caller>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    match theatre.player.view() {
        Some(view) => {
            let log = view.log().clone();
            theatre.followers.follow(caller, log, &wanted, &headers, theatre.stop, FOR_PAGES)
        }
        None => nothing_plays(),
    }
}

fn nothing_plays() -> Response {
    for_pages(StatusCode::NOT_FOUND, json!({ "error": "nothing is played" }).to_string())
}

/// A knob of the player is turned: `play`, `pause`, `resume`, `speed`, `stop`.
///
/// # Errors
/// When there is no such knob or scenario, or nothing plays.
pub fn turn(player: &Player, knob: &str, body: &[u8]) -> Result<Value, DevnetError> {
    let there_is = match knob {
        "play" => {
            let Play { name, seed, speed } = DevnetError::read(body)?;
            is_pace(speed)?;
            let plan = shelf::find(&name).ok_or_else(|| DevnetError::Argument {
                found: name.chars().take(64).collect(),
                expected: "name of a scenario that comes with this program".into(),
            })?;
            player.play(plan, seed, speed).map_err(DevnetError::Player)?;
            true
        }
        "pause" => player.pause(true),
        "resume" => player.pause(false),
        "speed" => {
            let Speed { speed } = DevnetError::read(body)?;
            is_pace(speed)?;
            player.set_speed(speed)
        }
        "stop" => player.stop(),
        _ => {
            return Err(DevnetError::Argument {
                found: knob.to_owned(),
                expected: "knob of the player".into(),
            });
        }
    };
    match there_is {
        true => Ok(json!({})),
        false => Err(DevnetError::NothingPlays),
    }
}

fn is_pace(speed: u32) -> Result<(), DevnetError> {
    if (1..=FASTEST).contains(&speed) {
        return Ok(());
    }
    Err(DevnetError::Argument { found: speed.to_string(), expected: format!("pace from 1 to {FASTEST}") })
}
