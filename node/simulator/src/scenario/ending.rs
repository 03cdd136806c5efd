//! `[workload]` and `[stop]`: who pays whom, and when it ends.

use core::time::Duration;

use crate::behaviour::Behaviour;
use crate::plan::{Group, MILLION, Stop, Workload};
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::section::Section;

/// Keys of `[workload]`.
pub const WORKLOAD_KEYS: &[&str] = &["payments_per_second", "wallets"];
/// Keys of `[stop]`.
pub const STOP_KEYS: &[&str] = &["after", "height", "attempts", "agreement_within"];
/// Who takes turns when the file does not say.
const USUAL_WALLETS: u64 = 10;
/// Genesis holds a purse for each, and one for each attacker.
const MOST_WALLETS: u64 = 900;
/// A second has so many.
const NANOSECONDS: u64 = 1_000_000_000;
/// Payments a second: time passes in milliseconds.
const MOST_PAYMENTS: u32 = 1_000;
/// A world that lasts longer than ten years has nothing left to show.
pub const LONGEST_RUN: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);
/// How long agreement may take when the file does not say.
const USUAL_PATIENCE: Duration = Duration::from_secs(120);
/// Attempts to wait for.
const MOST_ATTEMPTS: u64 = 1_000_000;

/// Who pays.
///
/// # Errors
/// Every fault of single values.
pub fn workload(whole: &Section) -> Result<Workload, ScenarioError> {
    let Some(entry) = whole.get("workload") else {
        return Ok(Workload { payment_every: None, wallets: USUAL_WALLETS as u16 });
    };
    let section = entry.section(WORKLOAD_KEYS)?;
    let rate = section.get("payments_per_second").map_or(Ok(0), |rate| rate.millionths(0, MOST_PAYMENTS))?;
    // Whole milliseconds would make 500 payments a second of 400, and 1,000 of 600.
    let every = (NANOSECONDS * MILLION).checked_div(rate).map(Duration::from_nanos);
    let wallets = section.get("wallets").map_or(Ok(USUAL_WALLETS), |entry| entry.whole(1, MOST_WALLETS))?;
    Ok(Workload { payment_every: every, wallets: u16::try_from(wallets).expect("the bound fits") })
}

/// When it ends.
///
/// # Errors
/// Every fault of single values, and [`Fault::NoAttempts`].
pub fn stop(whole: &Section, groups: &[Group]) -> Result<Stop, ScenarioError> {
    let section = whole.require("stop", "a [stop] with `after`")?.section(STOP_KEYS)?;
    let after = section.require("after", "a time in quotes")?.time(Duration::from_secs(1), LONGEST_RUN)?;
    let height = section.get("height").map(|entry| entry.whole(1, u64::from(u32::MAX))).transpose()?;
    let attempts = section.get("attempts");
    let is_attacker = |group: &Group| matches!(group.behaviour, Behaviour::DoubleSpend(_));
    if let Some(entry) = attempts.as_ref().filter(|_| !groups.iter().any(is_attacker)) {
        return Err(entry.fault(Fault::NoAttempts));
    }
    let agreement_within = match section.get("agreement_within") {
        Some(entry) if entry.is_word("never") => None,
        Some(entry) => Some(entry.time(Duration::from_millis(1), LONGEST_RUN)?),
        None => Some(USUAL_PATIENCE),
    };
    Ok(Stop {
        after,
        height: height.map(|height| u32::try_from(height).expect("the bound fits")),
        attempts: attempts.map(|entry| entry.whole(1, MOST_ATTEMPTS)).transpose()?,
        agreement_within,
    })
}
