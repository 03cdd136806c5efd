//! The commands that play a run again.

use std::path::Path;

use anyhow::anyhow;
use cairn_simulator::play::Failure;

use cairn_report::format::{harmless, shell_word};

/// What plays the runs of one scenario again.
#[derive(Clone, Debug)]
pub struct Replay {
    command: String,
}

impl Replay {
    /// Of the scenario in this file.
    pub fn of(scenario: &Path) -> Self {
        let text = scenario.to_string_lossy();
        // A name like an option would be taken for one.
        let text = if text.starts_with('-') { format!("./{text}") } else { text.into_owned() };
        let file = harmless(&shell_word(&text));
        Self { command: format!("cairn simulate {file}") }
    }

    /// The same for a page, which must not depend on the directory of the file.
    pub fn for_page(scenario: &Path) -> Self {
        Self::of(scenario.file_name().map_or(scenario, Path::new))
    }

    /// The whole run of a seed.
    pub fn whole(&self, seed: u64) -> String {
        format!("{} --seed {seed}", self.command)
    }

    /// The run of a seed up to an event, with what came before it.
    pub fn up_to(&self, seed: u64, event: u64) -> String {
        format!("{} --until-event {event} --trace", self.whole(seed))
    }

    /// What plays a breach again, with what came before it.
    pub fn of_failure(&self, failure: &Failure) -> String {
        let Failure { seed, event, is_of_the_end, .. } = failure;
        // What only shows in the end needs the whole run.
        if *is_of_the_end { format!("{} --trace", self.whole(*seed)) } else { self.up_to(*seed, *event) }
    }

    /// A breach as an error that says how to look at it.
    pub fn broken(&self, failure: &Failure) -> anyhow::Error {
        anyhow!(
            "something broke that must hold: {failure}; `{}` prints the events before it",
            self.of_failure(failure)
        )
    }
}

#[cfg(test)]
mod tests {
    use cairn_simulator::invariants::Violation;
    use cairn_simulator::node_index::NodeIndex;

    use super::*;

    #[test]
    fn a_breach_is_reported_with_its_seed_and_the_one_command_that_plays_it_again() {
        let violation = Box::new(Violation::Spins { at: NodeIndex::new(1) });
        let failure = Failure { seed: 7, event: 99, after_ms: 1_500, is_of_the_end: false, violation };
        let text = Replay::of(Path::new("my cut.toml")).broken(&failure).to_string();
        assert!(text.contains("seed 7, event 99, after 1500 ms"), "{text}");
        assert!(text.contains("`cairn simulate 'my cut.toml' --seed 7 --until-event 99 --trace`"), "{text}");
        assert_eq!(Replay::of(Path::new("-x.toml")).whole(1), "cairn simulate ./-x.toml --seed 1");
        assert_eq!(Replay::for_page(Path::new("/a/x.toml")).whole(1), "cairn simulate x.toml --seed 1");
        let of_the_end = Failure { is_of_the_end: true, ..failure };
        let text = Replay::of(Path::new("cut.toml")).broken(&of_the_end).to_string();
        assert!(text.contains("`cairn simulate cut.toml --seed 7 --trace`"), "{text}");
    }
}
