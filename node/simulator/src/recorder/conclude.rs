//! The end of a run: from what was recorded to its report, and what became of each expectation.

use core::ops::Range;

use cairn_core::hash::BlockHash;

use crate::expectation::{Bounds, Expectation, Verdict};
use crate::plan::{Engine, MILLION};
use crate::recorder::blocks::Known;
use crate::recorder::reachability::Reachability;
use crate::recorder::record::Recorder;
use crate::report::{
    BlockPropagation, BlockReport, GroupReport, Payments, Propagation, Report, Stale, TraceReport,
};
use crate::text::{count, duration, grouped, percent};

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
    /// Payments that were in some chain once and wait nowhere now, where that is known.
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
        report.expectations = self.plan.expectations.iter().map(|one| judge.judge(one)).collect();
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
    let at = |percent: usize| times.get((pairs * percent).div_ceil(100).saturating_sub(1)).copied();
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
    /// Part of the living nodes on the final tip.
    agreed: u64,
}

/// What is found of double spends where none was tried.
const NOT_TRIED: &str = "that no coin was paid twice";

/// What cannot be met by what there is none of.
fn missed(judged: Verdict, found: &str) -> Verdict {
    Verdict { found: found.into(), is_met: false, ..judged }
}

impl Judge<'_> {
    fn was_tried(&self) -> bool {
        self.report.payments.attempts > 0
    }

    fn judge(&self, expectation: &Expectation) -> Verdict {
        let report = self.report;
        let plain = |figure: u64| figure.to_string();
        let group = |number: usize| report.groups.get(number).map_or("?", |group| group.name.as_str());
        let within = |what: &str, bounds: &Bounds, figure: u64, show: &dyn Fn(u64) -> String| Verdict {
            expected: format!("{what}: {}", bounds.in_words(show)),
            found: show(figure),
            is_met: bounds.admit(figure),
        };
        match expectation {
            Expectation::ConvergedWithin(patience) => {
                let patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
                let found = report.converged_after_ms();
                let is_divided = report.standing.is_divided();
                Verdict {
                    expected: format!("all agree again within {}", duration(patience_ms)),
                    found: match found {
                        _ if is_divided => report.standing.in_words(),
                        _ if report.convergence.is_empty() => "that nothing was mended".into(),
                        Some(ms) => format!("{} at most", duration(ms)),
                        None => "no agreement after some step".into(),
                    },
                    is_met: !is_divided && found.is_some_and(|ms| ms <= patience_ms),
                }
            }
            Expectation::ReorganizationDepth(bounds) => {
                within("deepest reorganization, in blocks", bounds, u64::from(report.deepest), &plain)
            }
            Expectation::StaleRate(bounds) => {
                let judged = within("stale rate", bounds, report.stale.rate, &percent);
                if report.stale.found == 0 { missed(judged, "that no block was found") } else { judged }
            }
            Expectation::NoDoubleSpendDeeperThan(most) => {
                let deepest = report.payments.deepest_double_spend;
                Verdict {
                    expected: format!(
                        "no payment with more than {} is taken back",
                        count(u64::from(*most), "confirmation")
                    ),
                    found: match report.payments.double_spent {
                        _ if !self.was_tried() => NOT_TRIED.into(),
                        0 => "none".into(),
                        1 => format!("1, with {}", count(u64::from(deepest), "confirmation")),
                        many => {
                            let deepest = count(u64::from(deepest), "confirmation");
                            format!("{}, with up to {deepest}", grouped(many))
                        }
                    },
                    is_met: self.was_tried() && deepest <= *most,
                }
            }
            Expectation::DoubleSpends(bounds) => {
                let judged = within("payments taken back", bounds, report.payments.double_spent, &plain);
                if self.was_tried() { judged } else { missed(judged, NOT_TRIED) }
            }
            Expectation::Winner { group: number } => Verdict {
                expected: format!("the branch of {} wins", group(*number)),
                found: match self.winner {
                    Some(won) => format!("that of {}", group(won)),
                    None if report.standing.is_divided() || report.standing.running == 0 => {
                        report.standing.in_words()
                    }
                    None => "no cut, no block, or as many of others".into(),
                },
                is_met: self.winner == Some(*number),
            },
            Expectation::Revenue { group: number, share } => {
                let found = report.groups.get(*number).map_or(0, |group| group.revenue_share);
                let what = format!("part of the blocks that {} gets", group(*number));
                let judged = within(&what, share, found, &percent);
                if report.height == 0 { missed(judged, "that no block was found") } else { judged }
            }
            Expectation::Tips(bounds) => {
                within("most tips at one time", bounds, report.most_tips as u64, &plain)
            }
            Expectation::Height(bounds) => within("final height", bounds, u64::from(report.height), &plain),
            Expectation::Agreement(bounds) => {
                let judged = within("part of the nodes on one tip at the end", bounds, self.agreed, &percent);
                if report.standing.running == 0 { missed(judged, "no node that runs") } else { judged }
            }
        }
    }
}
