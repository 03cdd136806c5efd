//! Step times: how long each input holds the driver, in which time neither peers nor callers are served.

use std::time::{Duration, Instant};

use cairn_protocol::input::{Input, Submission};
use cairn_protocol::message::Message;
use nix::time::ClockId;

/// A step that takes longer is logged. A block is excepted: it proves work, and is validated as a whole.
pub const LONGEST_STEP: Duration = Duration::from_millis(50);

/// The shortest interval between two warnings of one kind.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// The kind of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// A block, received or submitted, or an operator's decision about one.
    Block,
    Other,
}

impl StepKind {
    /// The kind of an input.
    pub fn of(input: &Input) -> Self {
        match input {
            Input::Received { message: Message::Block(_), .. }
            | Input::Submit { submission: Submission::Block(_) | Submission::Override(..), .. } => {
                Self::Block
            }
            _ => Self::Other,
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Other => "other",
        }
    }
}

/// The clocks at the start of a step.
#[derive(Clone, Copy, Debug)]
pub struct StepStart {
    at: Instant,
    cpu: Duration,
}

impl StepStart {
    pub fn now() -> Self {
        Self { at: Instant::now(), cpu: cpu_time() }
    }
}

/// The CPU time of this thread so far.
fn cpu_time() -> Duration {
    ClockId::CLOCK_THREAD_CPUTIME_ID.now().map_or(Duration::ZERO, Duration::from)
}

/// The longest step of each kind so far.
#[derive(Debug, Default)]
pub struct StepTimes {
    longest: [Duration; 2],
    longest_cpu: [Duration; 2],
    warned: Option<Instant>,
}

impl StepTimes {
    /// Notes that a step of a kind ends now.
    pub fn ended(&mut self, kind: StepKind, start: StepStart) {
        let cpu = cpu_time().saturating_sub(start.cpu);
        let longest = &mut self.longest_cpu[kind as usize];
        if cpu > *longest {
            // Unlike the time that passes, it does not depend on what else the machine does.
            *longest = cpu;
            let name = "cairn_driver_longest_step_cpu_seconds";
            metrics::gauge!(name, "input" => kind.label()).set(cpu.as_secs_f64());
        }
        self.took(kind, start.at.elapsed());
    }

    fn took(&mut self, kind: StepKind, time: Duration) {
        let longest = &mut self.longest[kind as usize];
        if time <= *longest {
            return;
        }
        *longest = time;
        metrics::gauge!("cairn_driver_longest_step_seconds", "input" => kind.label()).set(time.as_secs_f64());
        let is_due = self.warned.is_none_or(|last| last.elapsed() >= WARNING_INTERVAL);
        if kind == StepKind::Other && time > LONGEST_STEP && is_due {
            self.warned = Some(Instant::now());
            let (took_ms, limit_ms) = (time.as_millis(), LONGEST_STEP.as_millis());
            tracing::warn!(took_ms, limit_ms, "one input has held the node longer than ever before");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_step_of_each_kind_is_kept_and_only_one_warning_is_written_in_an_interval() {
        let mut steps = StepTimes::default();
        for (kind, millis) in [(StepKind::Other, 60), (StepKind::Block, 900), (StepKind::Other, 70)] {
            steps.took(kind, Duration::from_millis(millis));
        }
        assert_eq!(steps.longest, [900, 70].map(Duration::from_millis));
        let warned = steps.warned;
        steps.took(StepKind::Other, Duration::from_millis(80));
        assert!(warned.is_some() && steps.warned == warned);
    }
}
