//! The end of a run: from what was recorded to its report, and what became of each expectation.

use core::ops::Range;

use cairn_core::hash::BlockHash;

use crate::expectation::{Expectation, Outcome, Verdict};
use crate::plan::{Engine, MILLION};
use crate::recorder::arrivals::rank;
use crate::recorder::blocks::Known;
use crate::recorder::reachability::Reachability;
use crate::recorder::record::Recorder;
use crate::report::{
    BlockPropagation, BlockReport, GroupReport, Payments, Propagation, Report, Stale, TraceReport,
};

/// What only the engine knows.
#[derive(Clone, Debug)]
pub struct Ending {
    pub engine: Engine,
    /// The seed, if there is one.
    pub seed: Option<u64>,
    /// How long it lasted.
    pub lasted_ms: u64,
    /// The trace, if there is one.
    pub trace: Option<TraceReport>,
    /// Payments in the final chain.
    pub confirmed: u64,
    /// Payments that were in some chain once and are in no mempool now, where that is known.
    pub dropped: Option<u64>,
    /// Messages carried, and their bytes.
    pub traffic: (u64, u64),
}

impl Recorder {
    /// Makes the report of a run.
    pub fn conclude(mut self, ending: Ending) -> Report {
        let standing = self.standing();
        let (tip, agreed) = self.agreement.majority().unwrap_or((BlockHash::ZERO, 0));
        let is_in_chain = self.blocks.lineage(&tip);
        let (list, reachability) = (self.blocks.list(), &self.blocks.reachability);
        let height = self.blocks.number(&tip).map_or(0, |number| list[number].found.height);
        let main = || list.iter().zip(&is_in_chain).filter(|(_, is_in)| **is_in).map(|(known, _)| known);
        let found_by = self.by_group(list.iter().map(|known| known.found.miner));
        let kept_by = self.by_group(main().map(|known| known.found.miner));
        let in_all = main().count() as u64;
        let of = |part: u64, whole: u64| (part * MILLION).checked_div(whole).unwrap_or(0);
        let groups: Vec<GroupReport> = (0..)
            .zip(&self.plan.groups)
            .map(|(number, group)| {
                let in_chain = kept_by[number];
                GroupReport {
                    name: group.name.clone(),
                    first: group.first,
                    nodes: group.nodes,
                    behaviour: group.behaviour.word().into(),
                    hashrate_share: group.share,
                    found: found_by[number],
                    in_chain,
                    revenue_share: of(in_chain, in_all),
                }
            })
            .collect();
        let found = list.len() as u64;
        let stale = Stale { found, stale: found - in_all, rate: of(found - in_all, found) };
        let mut payments =
            Payments { dropped: ending.dropped, confirmed: ending.confirmed, ..self.payments.figures() };
        // While nodes are divided it is open which side's payments stay.
        if !standing.is_divided() {
            for confirmations in self.payments.taken_back(list, &is_in_chain) {
                payments.double_spent += 1;
                payments.deepest_double_spend = payments.deepest_double_spend.max(confirmations);
            }
        }
        let partition =
            self.healing.first_partition_ms.map(|ms| ms..self.healing.healed_ms.unwrap_or(u64::MAX));
        let found_in = |ms: &Range<u64>| {
            let known = main().filter(|known| ms.contains(&known.found.at_ms));
            self.by_group(known.map(|known| known.found.miner))
        };
        // While nodes are divided, or none is up, no branch has won.
        let is_decided = !standing.is_divided() && standing.running > 0;
        let winner = partition.as_ref().filter(|_| is_decided).and_then(|ms| most(&found_in(ms)));
        let blocks =
            list.iter().zip(&is_in_chain).map(|(known, is_in)| block(known, *is_in, reachability)).collect();
        let (engine, spacing_ms) = (ending.engine, self.plan.chain.spacing_ms.get());
        let tips = self.agreement.take_tips(&self.blocks);
        let mut report = Report {
            name: self.plan.name.clone(),
            teaches: self.plan.teaches.clone(),
            engine: match engine {
                Engine::Simulator => "simulator".into(),
                Engine::Devnet => "devnet".into(),
            },
            seed: ending.seed,
            nodes: usize::from(self.plan.nodes()),
            lasted_ms: ending.lasted_ms,
            spacing_ms,
            height,
            standing,
            is_interrupted: self.is_interrupted,
            trace: ending.trace,
            groups,
            most_tips: self.agreement.most_tips(),
            propagation: propagation(list),
            blocks,
            timeline: self.timeline.into_moments(ending.lasted_ms),
            agreement: self.agreement.into_points(ending.lasted_ms),
            tips,
            convergence: self.healing.steps,
            reorganizations_in_all: self.branches.count,
            deepest: self.branches.deepest,
            reorganizations: self.branches.into_list(),
            stale,
            payments,
            messages: ending.traffic.0,
            bytes: ending.traffic.1,
            expectations: Vec::new(),
        };
        let judge = Judge { report: &report, winner, agreed };
        let verdict = |one: &Expectation| Verdict::new(one.clone(), judge.outcome(one));
        report.expectations = self.plan.expectations.iter().map(verdict).collect();
        if let Some(within) = self.plan.stop.agreement_within.filter(|_| !self.clocks_apart.is_empty()) {
            let within = Expectation::AgreedWithinMs(within.as_millis() as u64);
            let (tips, drift_ms) = (report.standing.tips, self.plan.chain.max_future_drift_ms.get());
            let clocks = Outcome::WrongClocks { tips, ahead_ms: self.clocks_apart, drift_ms };
            report.expectations.push(Verdict::new(within, clocks));
        }
        report
    }
}

/// The group that found most blocks; none when others found as many.
fn most(found: &[u64]) -> Option<usize> {
    let most = found.iter().max().filter(|blocks| **blocks > 0)?;
    let mut first = found.iter().enumerate().filter(|(_, blocks)| *blocks == most).map(|(group, _)| group);
    first.next().filter(|_| first.next().is_none())
}

fn block(known: &Known, is_in_chain: bool, reachability: &Reachability) -> BlockReport {
    let Known { found, parent, spread } = known;
    let [median_ms, p90_ms, p99_ms] = spread.percentiles([50, 90, 99], reachability);
    BlockReport {
        hash: found.hash.to_string(),
        parent: *parent,
        height: found.height,
        miner: found.miner.number(),
        at_ms: found.at_ms,
        is_in_chain,
        transactions: found.transactions,
        hashes: found.hashes,
        reached: spread.reached_count(),
        propagation: BlockPropagation { median_ms, p90_ms, p99_ms },
    }
}

/// Over every block and every node that counts and had it, but the finder itself.
fn propagation(blocks: &[Known]) -> Option<Propagation> {
    let mut times: Vec<u64> = blocks.iter().flat_map(|known| known.spread.others()).collect();
    times.sort_unstable();
    let pairs = times.len();
    let at = |percent: usize| times.get(rank(percent, pairs)).copied();
    let sum: u128 = times.iter().map(|time| u128::from(*time)).sum();
    let mean_us = (sum * 1_000).checked_div(pairs as u128)?;
    let mut histogram: Vec<(u64, u64)> = Vec::new();
    // Bounds double in four steps each, so that milliseconds and hours fit into one picture.
    let mut bound = 1_u64;
    for time in &times {
        while *time > bound {
            bound += (bound / 4).max(1);
        }
        match histogram.last_mut() {
            Some((last, count)) if *last == bound => *count += 1,
            _ => histogram.push((bound, 1)),
        }
    }
    Some(Propagation {
        median_ms: at(50)?,
        p90_ms: at(90)?,
        p99_ms: at(99)?,
        mean_us: u64::try_from(mean_us).unwrap_or(u64::MAX),
        pairs: pairs as u64,
        histogram,
    })
}

struct Judge<'r> {
    report: &'r Report,
    /// The group with most blocks of the final chain from the first partition to its healing.
    winner: Option<usize>,
    /// The share of the living nodes on the final tip.
    agreed: u64,
}

impl Judge<'_> {
    /// What the run came to, as far as an expectation is about it.
    fn outcome(&self, expectation: &Expectation) -> Outcome {
        let Report { standing, payments, .. } = self.report;
        let is_undecided = standing.is_divided() || standing.running == 0;
        match expectation {
            // No plan says so: `conclude` adds it where it is missed.
            Expectation::AgreedWithinMs(_) => Outcome::Network(*standing),
            Expectation::ConvergedWithinMs(_) if standing.is_divided() => Outcome::Network(*standing),
            Expectation::ConvergedWithinMs(_) if self.report.convergence.is_empty() => Outcome::NothingHealed,
            Expectation::ConvergedWithinMs(_) => {
                self.report.converged_after_ms().map_or(Outcome::NoAgreement, Outcome::Figure)
            }
            Expectation::DeepestReorganization(_) => Outcome::Figure(self.report.deepest.into()),
            Expectation::StaleRate(_) if self.report.stale.found == 0 => Outcome::NoBlock,
            Expectation::StaleRate(_) => Outcome::Figure(self.report.stale.rate),
            Expectation::NoDoubleSpendDeeperThan(_) | Expectation::DoubleSpends(_)
                if payments.attempts == 0 =>
            {
                Outcome::NoDoubleSpendTried
            }
            Expectation::NoDoubleSpendDeeperThan(_) => {
                let (payments, deepest) = (payments.double_spent, payments.deepest_double_spend);
                Outcome::DoubleSpends { payments, deepest }
            }
            Expectation::DoubleSpends(_) => Outcome::Figure(payments.double_spent),
            Expectation::Winner(_) => match self.winner.and_then(|group| self.report.groups.get(group)) {
                Some(group) => Outcome::Winner(group.name.clone()),
                None if is_undecided => Outcome::Network(*standing),
                None => Outcome::NoWinner,
            },
            Expectation::Revenue { .. } if self.report.height == 0 => Outcome::NoBlock,
            Expectation::Revenue { group: name, .. } => {
                let group = self.report.groups.iter().find(|group| group.name == *name);
                Outcome::Figure(group.map_or(0, |group| group.revenue_share))
            }
            Expectation::Tips(_) => Outcome::Figure(self.report.most_tips as u64),
            Expectation::Height(_) => Outcome::Figure(self.report.height.into()),
            Expectation::Agreement(_) if standing.running == 0 => Outcome::Network(*standing),
            Expectation::Agreement(_) => Outcome::Figure(self.agreed),
        }
    }
}
