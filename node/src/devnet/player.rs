//! The player: a scenario in the simulator, at the pace of somebody who watches, in the same kind of
//! picture as the devnet's own.

pub mod shelf;
pub mod stage;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cairn_simulator::plan::Plan;
use cairn_simulator::play::{Failure, Run};
use serde_json::{Value, json};

use crate::devnet::player::stage::Stage;
use crate::devnet::view::View;

/// How often the picture moves on.
const FRAME: Duration = Duration::from_millis(50);
/// The world's time between two looks at it: a cut and its healing within it would not be seen.
const SLICE: Duration = Duration::from_millis(500);
/// At a fast pace there are no more looks than this in a frame.
const SLICES: u32 = 1_000;
/// No frame works longer than this.
const LONGEST_FRAME: Duration = Duration::from_millis(200);
/// How often expectations are looked at: that takes as long as a report.
const JUDGE: Duration = Duration::from_secs(1);
/// The fastest pace: a day in a second, if the machine can.
pub const FASTEST: u32 = 100_000;

/// What plays, if anything does. One at a time: a second one takes the place of the first.
#[derive(Debug, Default)]
pub struct Player {
    playing: Mutex<Option<Playing>>,
}

/// A scenario that is being played, or has been.
#[derive(Clone, Debug)]
struct Playing {
    name: String,
    seed: u64,
    view: View,
    hand: Arc<Hand>,
}

/// What the watcher wants.
#[derive(Debug)]
struct Hand {
    /// Seconds of the world's time in one of ours.
    speed: Mutex<u32>,
    is_paused: AtomicBool,
    is_over: AtomicBool,
}

impl Player {
    /// Plays a plan from its beginning, instead of whatever is played now.
    ///
    /// # Errors
    /// When a node of it does not start, or the system has no thread left.
    pub fn play(&self, plan: Plan, seed: u64, speed: u32) -> Result<(), PlayError> {
        let view = View::of_scenario(&plan);
        let (stage, name) = (Stage::new(view.clone(), &plan), plan.name.clone());
        let hand = Arc::new(Hand {
            speed: Mutex::new(speed.clamp(1, FASTEST)),
            is_paused: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        });
        let run = Run::new(plan, seed)?.with_threads(1);
        let playing = Playing { name, seed, view, hand: hand.clone() };
        if let Some(before) = self.playing().replace(playing) {
            before.hand.is_over.store(true, Ordering::Relaxed);
        }
        let play = move || perform(run, stage, &hand);
        std::thread::Builder::new().name("player".into()).spawn(play).map_err(PlayError::Thread)?;
        Ok(())
    }

    /// The picture of what is played.
    pub fn view(&self) -> Option<View> {
        self.playing().as_ref().map(|playing| playing.view.clone())
    }

    /// What is played and how, in words of JSON; null when nothing is. Another run is another play.
    pub fn bill(&self) -> Value {
        let playing = self.playing();
        playing.as_ref().map_or(Value::Null, |Playing { name, seed, view, hand }| {
            json!({
                "name": name,
                "seed": seed,
                "run": view.log().run(),
                "speed": *held(&hand.speed),
                "is_paused": hand.is_paused.load(Ordering::Relaxed),
                "is_stopped": hand.is_over.load(Ordering::Relaxed),
            })
        })
    }

    /// Holds it, or lets it go on. Says whether there is anything to hold.
    pub fn pause(&self, is_paused: bool) -> bool {
        self.with(|hand| hand.is_paused.store(is_paused, Ordering::Relaxed))
    }

    /// Sets the pace.
    pub fn set_speed(&self, speed: u32) -> bool {
        self.with(|hand| *held(&hand.speed) = speed.clamp(1, FASTEST))
    }

    /// Ends it; the picture stays.
    pub fn stop(&self) -> bool {
        self.with(|hand| hand.is_over.store(true, Ordering::Relaxed))
    }

    fn with(&self, act: impl FnOnce(&Hand)) -> bool {
        self.playing().as_ref().map(|playing| act(&playing.hand)).is_some()
    }

    fn playing(&self) -> MutexGuard<'_, Option<Playing>> {
        held(&self.playing)
    }
}

/// Why a scenario is not played.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// Its world does not begin.
    #[error("the world does not begin: {0}")]
    World(#[from] Failure),
    /// No thread.
    #[error("cannot start the player: {0}")]
    Thread(std::io::Error),
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded is whole after every statement, so a panic elsewhere spoils nothing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Plays until the run is over or nobody wants it any more.
fn perform(mut run: Run, mut stage: Stage, hand: &Hand) {
    stage.show(&mut run);
    // What is expected is to be read before anything happens.
    stage.judge(run.verdicts_so_far(), false);
    let mut judged = Instant::now();
    while !hand.is_over.load(Ordering::Relaxed) && !run.is_over() {
        std::thread::sleep(FRAME);
        if hand.is_paused.load(Ordering::Relaxed) {
            continue;
        }
        let (begun, mut left) = (Instant::now(), FRAME * *held(&hand.speed));
        let most = SLICE.max(left / SLICES);
        // What a machine does not manage in its time is left out, so that the knobs still answer.
        while !left.is_zero() && !run.is_over() && begun.elapsed() < LONGEST_FRAME {
            let slice = left.min(most);
            left -= slice;
            let gone_on = run.advance(slice);
            stage.show(&mut run);
            if let Err(failure) = gone_on {
                return stage.broke(&failure);
            }
        }
        if judged.elapsed() >= JUDGE {
            judged = Instant::now();
            stage.judge(run.verdicts_so_far(), false);
        }
    }
    let verdicts = run.verdicts_so_far();
    stage.judge(verdicts, run.is_over());
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::devnet::player::shelf;

    fn wait(view: &View, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let picture = view.snapshot(usize::MAX);
            if is_so(&picture) {
                return picture;
            }
            assert!(Instant::now() < until, "{what}: {picture}");
            std::thread::sleep(FRAME);
        }
    }

    #[test]
    fn a_shipped_scenario_plays_to_its_end_in_the_picture_and_its_expectations_are_judged() {
        let player = Player::default();
        assert!(!player.pause(true) && player.view().is_none());
        let plan = shelf::find("split-brain").expect("it is shipped");
        player.play(plan, 1, FASTEST).expect("it begins");
        let view = player.view().expect("it plays");
        let is_judged = |picture: &Value| picture["is_over"] == true;
        let picture = wait(&view, "the end", is_judged);
        let expectations = picture["expectations"].as_array().expect("a list");
        assert!(!expectations.is_empty() && expectations.iter().all(|one| one["is_met"] == true));
        let tips: std::collections::BTreeSet<&str> = picture["nodes"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|node| node["tip"].as_str())
            .collect();
        assert_eq!(tips.len(), 1, "all agree again");
        let kinds: Vec<&str> = picture["marks"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|mark| mark["kind"].as_str())
            .collect();
        assert!(
            kinds.contains(&"partition") && kinds.contains(&"heal") && kinds.contains(&"agreed"),
            "{kinds:?}"
        );
        let blocks = picture["blocks"].as_array().expect("a list");
        assert!(
            blocks
                .iter()
                .all(|block| block["miner"].is_u64() && !block["got"].as_array().expect("a list").is_empty())
        );
    }

    #[test]
    fn a_held_scenario_stands_still_and_a_second_one_takes_its_place() {
        let player = Player::default();
        let plan = || shelf::find("split-brain").expect("it is shipped");
        player.play(plan(), 1, 4).expect("it begins");
        let view = player.view().expect("it plays");
        assert!(player.pause(true));
        std::thread::sleep(FRAME * 4);
        let now = view.snapshot(0)["now_ms"].clone();
        std::thread::sleep(FRAME * 4);
        assert_eq!(view.snapshot(0)["now_ms"], now);
        player.play(plan(), 2, 4).expect("it begins");
        assert_ne!(player.view().expect("it plays").log().run(), view.log().run());
        assert!(player.stop());
    }
}
