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
            Input::Received {
                message: Message::Block(_) | Message::CompactBlock(_) | Message::BlockTransactions { .. },
                ..
            }
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
    /// A step that starts now.
    pub fn now() -> Self {
        Self { at: Instant::now(), cpu: cpu_time() }
    }
}

/// The CPU time of this thread so far.
fn cpu_time() -> Duration {
    ClockId::CLOCK_THREAD_CPUTIME_ID.now().map_or(Duration::ZERO, Duration::from)
}

/// The longest step of each kind so far.
#[derive(Debug)]
pub struct StepTimes {
    longest: [Duration; 2],
    longest_cpu: [Duration; 2],
    warned: Option<Instant>,
}

/// The metric of the time that passes during a step.
const TIME: &str = "cairn_driver_longest_step_seconds";
/// The metric of the driver's CPU time during a step, which does not depend on what else the machine does.
const CPU_TIME: &str = "cairn_driver_longest_step_cpu_seconds";

fn show(metric: &'static str, kind: StepKind, time: Duration) {
    metrics::gauge!(metric, "input" => kind.label()).set(time.as_secs_f64());
}

impl Default for StepTimes {
    fn default() -> Self {
        for kind in [StepKind::Block, StepKind::Other] {
            show(TIME, kind, Duration::ZERO);
            show(CPU_TIME, kind, Duration::ZERO);
        }
        Self { longest: [Duration::ZERO; 2], longest_cpu: [Duration::ZERO; 2], warned: None }
    }
}

impl StepTimes {
    /// Notes that a step of a kind ends now.
    pub fn ended(&mut self, kind: StepKind, start: StepStart) {
        let cpu = cpu_time().saturating_sub(start.cpu);
        let longest = &mut self.longest_cpu[kind as usize];
        if cpu > *longest {
            *longest = cpu;
            show(CPU_TIME, kind, cpu);
        }
        self.took(kind, start.at.elapsed(), cpu);
    }

    fn took(&mut self, kind: StepKind, time: Duration, cpu: Duration) {
        let longest = &mut self.longest[kind as usize];
        if time <= *longest {
            return;
        }
        *longest = time;
        show(TIME, kind, time);
        let is_due = self.warned.is_none_or(|last| last.elapsed() >= WARNING_INTERVAL);
        // The time may be that of other programs, which the node cannot help.
        if kind == StepKind::Other && cpu > LONGEST_STEP && is_due {
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
            steps.took(kind, Duration::from_millis(millis), Duration::from_millis(millis));
        }
        assert_eq!(steps.longest, [900, 70].map(Duration::from_millis));
        let warned = steps.warned;
        steps.took(StepKind::Other, Duration::from_millis(80), Duration::from_millis(80));
        assert!(warned.is_some() && steps.warned == warned);
    }

    /// Sleeping takes no CPU time, whatever else takes it meanwhile.
    #[test]
    fn the_cpu_time_of_a_step_is_that_of_its_thread_and_not_the_time_that_passes() {
        let (mut steps, start) = (StepTimes::default(), StepStart::now());
        std::thread::sleep(Duration::from_millis(30));
        steps.ended(StepKind::Other, start);
        let [_, slept] = steps.longest_cpu;
        assert!(slept < Duration::from_millis(20) && steps.longest[1] >= Duration::from_millis(30));
        let start = StepStart::now();
        while cpu_time() < start.cpu + Duration::from_millis(30) {}
        steps.ended(StepKind::Other, start);
        assert!(steps.longest_cpu[1] >= Duration::from_millis(30));
    }
}
