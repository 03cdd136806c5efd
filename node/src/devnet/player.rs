//! The player: a scenario in the simulator, at the speed of the page, in the same kind of
//! picture as the devnet's own.

pub mod builtin_scenarios;
pub mod simulation_view;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use cairn_simulator::plan::Plan;
use cairn_simulator::play::Run;
use serde::Serialize;

use crate::devnet::command::PlayerCommand;
use crate::devnet::error::DevnetError;
use crate::devnet::player::simulation_view::SimulationView;
use crate::devnet::shared_state::SharedState;
use cairn_genesis::programs::held::held;

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
    state: SharedState,
    hand: Arc<Hand>,
}

/// The scenario that is played, and the way. Another run is another play.
#[derive(Clone, Debug, Serialize)]
pub struct Playback {
    name: String,
    seed: u64,
    /// Identity of this run, to which the numbers of events belong.
    run: String,
    /// Seconds of the world's time per second.
    speed: u32,
    is_paused: bool,
    is_stopped: bool,
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
    pub fn play(&self, plan: Plan, seed: u64, speed: u32) -> Result<(), DevnetError> {
        let state = SharedState::of_scenario(&plan);
        let (shown, name) = (SimulationView::new(state.clone(), &plan), plan.name.clone());
        let hand = Arc::new(Hand {
            speed: Mutex::new(speed.clamp(1, FASTEST)),
            is_paused: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        });
        let run = Run::new(plan, seed)?.with_threads(1);
        let playing = Playing { name, seed, state, hand: hand.clone() };
        if let Some(before) = self.playing().replace(playing) {
            before.hand.is_over.store(true, Ordering::Relaxed);
        }
        let play = move || perform(run, shown, &hand);
        let started = std::thread::Builder::new().name("player".into()).spawn(play);
        started.map_err(DevnetError::io("start", "the player"))?;
        Ok(())
    }

    /// The state of the world that is played.
    pub fn state(&self) -> Option<SharedState> {
        self.playing().as_ref().map(|playing| playing.state.clone())
    }

    /// The playback state; none when no scenario is played.
    pub fn playback(&self) -> Option<Playback> {
        self.playing().as_ref().map(|Playing { name, seed, state, hand }| Playback {
            name: name.clone(),
            seed: *seed,
            run: state.log().run().to_owned(),
            speed: *held(&hand.speed),
            is_paused: hand.is_paused.load(Ordering::Relaxed),
            is_stopped: hand.is_over.load(Ordering::Relaxed),
        })
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// When there is no such scenario, or none is played.
    pub fn carry_out(&self, command: PlayerCommand) -> Result<(), DevnetError> {
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
                self.play(plan, seed, speed)?;
                true
            }
            PlayerCommand::Pause {} => self.with(|hand| hand.is_paused.store(true, Ordering::Relaxed)),
            PlayerCommand::Resume {} => self.with(|hand| hand.is_paused.store(false, Ordering::Relaxed)),
            PlayerCommand::Speed { speed } => self.with(|hand| *held(&hand.speed) = speed),
            PlayerCommand::Stop {} => self.with(|hand| hand.is_over.store(true, Ordering::Relaxed)),
        };
        if is_played { Ok(()) } else { Err(DevnetError::NothingPlays) }
    }

    fn with(&self, act: impl FnOnce(&Hand)) -> bool {
        self.playing().as_ref().map(|playing| act(&playing.hand)).is_some()
    }

    fn playing(&self) -> MutexGuard<'_, Option<Playing>> {
        held(&self.playing)
    }
}

/// Plays until the run is over or another takes its turn.
fn perform(mut run: Run, mut shown: SimulationView, hand: &Hand) {
    shown.show(&mut run);
    // What is expected is to be read before anything happens.
    shown.judge(run.verdicts_so_far(), false);
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
            shown.show(&mut run);
            if let Err(failure) = gone_on {
                return shown.broke(&failure);
            }
        }
        if judged.elapsed() >= JUDGE {
            judged = Instant::now();
            shown.judge(run.verdicts_so_far(), false);
        }
    }
    let verdicts = run.verdicts_so_far();
    shown.judge(verdicts, run.is_over());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::devnet::view::DevnetView;

    fn wait(state: &SharedState, what: &str, is_so: impl Fn(&DevnetView) -> bool) -> DevnetView {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let view = state.view(usize::MAX);
            if is_so(&view) {
                return view;
            }
            assert!(Instant::now() < until, "{what}: {view:?}");
            std::thread::sleep(FRAME);
        }
    }

    #[test]
    fn a_shipped_scenario_plays_to_its_end_in_the_view_and_its_expectations_are_judged() {
        let player = Player::default();
        let paused = player.carry_out(PlayerCommand::Pause {});
        assert!(matches!(paused, Err(DevnetError::NothingPlays)) && player.state().is_none());
        let plan = builtin_scenarios::find("split-brain").expect("it is shipped");
        player.play(plan, 1, FASTEST).expect("it begins");
        let view = wait(&player.state().expect("it plays"), "the end", |view| view.is_over);
        assert!(!view.expectations.is_empty() && view.expectations.iter().all(|one| one.is_met));
        let tips: BTreeSet<_> = view.nodes.iter().map(|node| node.tip).collect();
        assert_eq!(tips.len(), 1, "all agree again");
        let kinds: BTreeSet<&str> = view.marks.iter().map(|mark| mark.kind.as_str()).collect();
        assert!(["partition", "heal", "agreed"].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
        assert!(view.blocks.iter().all(|block| block.miner.is_some() && !block.got.is_empty()));
    }

    #[test]
    fn a_held_scenario_stands_still_and_a_second_one_takes_its_place() {
        let player = Player::default();
        let plan = || builtin_scenarios::find("split-brain").expect("it is shipped");
        player.play(plan(), 1, 4).expect("it begins");
        let state = player.state().expect("it plays");
        player.carry_out(PlayerCommand::Pause {}).expect("it plays");
        std::thread::sleep(FRAME * 4);
        let now = state.view(0).now_ms;
        std::thread::sleep(FRAME * 4);
        assert_eq!(state.view(0).now_ms, now);
        player.play(plan(), 2, 4).expect("it begins");
        assert_ne!(player.state().expect("it plays").log().run(), state.log().run());
        player.carry_out(PlayerCommand::Stop {}).expect("it plays");
    }
}
