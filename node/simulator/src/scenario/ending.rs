//! `[workload]` and `[stop]`: payments, and the end of the run.

use core::time::Duration;

use cairn_genesis::bounded::Bounded;
use cairn_genesis::toml_file::{Spanned, Unread};
use serde::Deserialize;

use crate::behaviour::Behaviour;
use crate::plan::{MILLION, Stop, Workload};
use crate::scenario::chain::unless;
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::nodes::Reader;
use crate::scenario::values::{Decimal, TEN_YEARS, Time, small};

/// The number of wallets when the file does not say.
const USUAL_WALLETS: u16 = 10;
/// Nanoseconds of a second.
const NANOSECONDS: u64 = 1_000_000_000;
/// The time in which nodes are to agree when the file does not say.
const USUAL_PATIENCE: Duration = Duration::from_secs(120);

/// `[workload]`. Genesis holds a coin for each wallet, and one for each attacker. Payments a second are at most
/// 1,000: time passes in milliseconds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadTable {
    payments_per_second: Option<Decimal<0, { 1_000 * MILLION }, MILLION>>,
    wallets: Option<Bounded<1, 900>>,
}

impl WorkloadTable {
    /// The workload of a plan.
    pub fn workload(&self) -> Workload {
        // Whole milliseconds would make 500 payments a second of 400, and 1,000 of 600.
        let rate = self.payments_per_second.map_or(0, Decimal::parts);
        let every = (NANOSECONDS * MILLION).checked_div(rate).map(Duration::from_nanos);
        Workload { payment_every: every, wallets: self.wallets.map_or(USUAL_WALLETS, small) }
    }
}

/// The table `[stop]` as the file has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopTable {
    after: Time<1_000, TEN_YEARS>,
    height: Option<Bounded<1, 4_294_967_295>>,
    attempts: Option<Spanned<Bounded<1, 1_000_000>>>,
    agreement_within: Option<Unread>,
}

impl StopTable {
    /// The end of a plan.
    ///
    /// # Errors
    /// Every fault of single values, and [`Fault::NoAttempts`].
    pub fn stop(&self, reader: &Reader) -> Result<Stop, ScenarioError> {
        let is_attacked =
            reader.groups.iter().any(|group| matches!(group.behaviour, Behaviour::DoubleSpend(_)));
        if let Some(attempts) = self.attempts.as_ref().filter(|_| !is_attacked) {
            return Err(reader.error(attempts, Fault::NoAttempts));
        }
        let patience = |value| unless::<Time<1, TEN_YEARS>>(&reader.document, value, "never");
        let patience = self.agreement_within.as_ref().map(patience).transpose()?;
        Ok(Stop {
            after: self.after.get(),
            height: self.height.map(small),
            attempts: self.attempts.as_ref().map(|attempts| attempts.get_ref().get()),
            agreement_within: patience.map_or(Some(USUAL_PATIENCE), |time| time.map(Time::get)),
        })
    }
}
