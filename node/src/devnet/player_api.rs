//! HTTP routes and commands of the player: the scenarios that it knows, the playback state, its view.

use std::sync::Arc;

use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::devnet::command::{PlayerCommand, Reply};
use crate::devnet::error::DevnetError;
use crate::devnet::player::{FASTEST, Player, builtin_scenarios};
use cairn_daemon::web::ask::{FreeTurns, for_pages};
use cairn_daemon::web::events::{FOR_PAGES, Followers, Wanted};
use cairn_daemon::web::places::Caller;

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

/// What can be played.
pub async fn scenarios() -> Response {
    for_pages(StatusCode::OK, builtin_scenarios::list())
}

/// The playback state: `{"plays": null}` when no scenario is played.
pub async fn playback(State(theatre): State<Theatre>) -> Response {
    for_pages(StatusCode::OK, json!({ "plays": theatre.player.playback() }).to_string())
}

/// The picture of what is played.
pub async fn view(State(theatre): State<Theatre>, Extension(caller): Extension<Caller>) -> Response {
    let _turn = theatre.readers.wait(caller).await;
    match theatre.player.state() {
        Some(state) => {
            let view = serde_json::to_string(&state.view(usize::MAX)).expect("views have text keys");
            for_pages(StatusCode::OK, view)
        }
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
    match theatre.player.state() {
        Some(state) => {
            let log = state.log().clone();
            theatre.followers.follow(caller, log, &wanted, &headers, theatre.stop, FOR_PAGES)
        }
        None => nothing_plays(),
    }
}

fn nothing_plays() -> Response {
    for_pages(StatusCode::NOT_FOUND, json!({ "error": "nothing is played" }).to_string())
}

/// Carries out a command to the player.
///
/// # Errors
/// When there is no such scenario, or none is played.
pub fn carry_out(player: &Player, command: PlayerCommand) -> Result<Reply, DevnetError> {
    if let PlayerCommand::Play { speed, .. } | PlayerCommand::Speed { speed } = command
        && !(1..=FASTEST).contains(&speed)
    {
        let expected = format!("a pace from 1 to {FASTEST}");
        return Err(DevnetError::Argument { found: speed.to_string(), expected });
    }
    let is_played = match command {
        PlayerCommand::Play { name, seed, speed } => {
            let plan = builtin_scenarios::find(&name).ok_or_else(|| DevnetError::Argument {
                found: name.chars().take(64).collect(),
                expected: "the name of a scenario that comes with this program".into(),
            })?;
            player.play(plan, seed, speed)?;
            true
        }
        PlayerCommand::Pause {} => player.pause(true),
        PlayerCommand::Resume {} => player.pause(false),
        PlayerCommand::Speed { speed } => player.set_speed(speed),
        PlayerCommand::Stop {} => player.stop(),
    };
    if is_played { Ok(Reply::Done {}) } else { Err(DevnetError::NothingPlays) }
}
