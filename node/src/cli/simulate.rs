//! `cairn simulate`: the arguments.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

/// The most seeds of one command.
const MAX_SEEDS: u64 = 100_000;

/// What was typed after `cairn simulate`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "The same scenario and seed do the same things on every machine. Ends with 0 when every \
                        expectation of the scenario is met, else with 1."
)]
pub struct SimulateArgs {
    /// The scenario's file
    #[arg(value_name = "FILE")]
    pub scenario: PathBuf,
    /// Play it with this seed [default: the scenario's]
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    pub seed: Option<u64>,
    /// Play it with every seed from A to B on all cores, and print how they differ, as in 1..100
    #[arg(long, value_name = "A..B", conflicts_with_all = ["until_event", "trace"])]
    pub seeds: Option<Seeds>,
    /// Write page, pictures, tables and JSON into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "until_event")]
    pub report: Option<PathBuf>,
    /// Stop once so many events have happened
    #[arg(long, value_name = "N")]
    pub until_event: Option<u64>,
    /// Print the last 200 events before the end, message by message
    #[arg(long)]
    pub trace: bool,
    /// The report as one JSON value instead of text
    #[arg(long, conflicts_with_all = ["trace", "until_event"])]
    pub json: bool,
    /// Print the report only, and not what happens on the way
    #[arg(long, short)]
    pub quiet: bool,
}

/// Seeds from one to another, both of them played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    first: u64,
    last: u64,
}

impl Seeds {
    /// All of them, in order.
    pub fn iter(self) -> impl Iterator<Item = u64> + Clone {
        self.first..=self.last
    }
}

/// Why a text names no seeds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeedsError {
    /// It has another form.
    #[error("seeds are written as in 1..100, from the first to the last")]
    Form,
    /// The last is before the first.
    #[error("the last seed, {last}, is before the first, {first}")]
    Backwards { first: u64, last: u64 },
    /// Too many for one command.
    #[error("at most {MAX_SEEDS} seeds are played at once; play the others afterwards")]
    TooMany,
}

impl FromStr for Seeds {
    type Err = SeedsError;

    fn from_str(text: &str) -> Result<Self, SeedsError> {
        let (first, last) = text.split_once("..").ok_or(SeedsError::Form)?;
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| SeedsError::Form);
        let (first, last) = (number(first)?, number(last)?);
        match last.checked_sub(first) {
            None => Err(SeedsError::Backwards { first, last }),
            Some(others) if others >= MAX_SEEDS => Err(SeedsError::TooMany),
            Some(_) => Ok(Self { first, last }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_read_with_both_ends() {
        let seeds: Seeds = "3..5".parse().expect("seeds");
        assert_eq!(seeds.iter().collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!("7".parse::<Seeds>(), Err(SeedsError::Form));
        assert_eq!("7..a".parse::<Seeds>(), Err(SeedsError::Form));
        assert_eq!("7..6".parse::<Seeds>(), Err(SeedsError::Backwards { first: 7, last: 6 }));
        assert_eq!("0..100000".parse::<Seeds>(), Err(SeedsError::TooMany));
        assert_eq!("0..18446744073709551615".parse::<Seeds>(), Err(SeedsError::TooMany));
    }
}
