//! How likely an attacker is to replace a payment that has some confirmations.
//!
//! The race: the payee's branch and the attacker's branch leave one parent. Blocks come one by one, the
//! attacker's with probability `q`, the honest ones with `p = 1 - q`. The payee accepts when its branch
//! has `z` blocks. The attacker wins once its branch is longer, from that moment on: nodes keep the
//! branch they saw first when two are equally long.

use statrs::distribution::{Discrete, Poisson};
use statrs::function::beta::beta_reg;

/// What the attacker has before the race begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing. What a node that keeps the first branch it saw gives an attacker who just begins.
    Bare,
    /// One block on its own branch, mined while it waited to pay. What Rosenfeld assumes; also what an
    /// attacker without it has when nodes prefer its branch among equals.
    OneBlock,
}

impl Start {
    fn blocks(self) -> u32 {
        match self {
            Self::Bare => 0,
            Self::OneBlock => 1,
        }
    }
}

/// Probability that the attacker ever wins, from either start: how many blocks it has found by the `z`th
/// honest one is negative binomial, and from `n` blocks short of winning it gets there with (q/p)^n.
///
/// Source: Rosenfeld, "Analysis of hashrate-based double-spending" (arXiv:1402.2009), section 4, whose
/// attacker has one block to begin with; and the same count with one block less.
///
/// # Panics
/// When `q` is no probability.
pub fn success(q: f64, z: u32, start: Start) -> f64 {
    let p = honest(q);
    if q >= p {
        return 1.0;
    }
    let behind = behind_at_acceptance(q, z, start);
    won_already(q, z, start) + behind.map(|(short, chance)| chance * (q / p).powf(short)).sum::<f64>()
}

/// Nakamoto's approximation of the same: he takes the attacker's blocks by the `z`th honest one as
/// Poisson with mean z q/p. Too low for a simulation to reproduce; kept to check his table.
///
/// Source: Nakamoto, "Bitcoin: a peer-to-peer electronic cash system" (2008), section 11.
///
/// # Panics
/// When `q` is no probability.
pub fn nakamoto(q: f64, z: u32) -> f64 {
    let p = honest(q);
    if q >= p || z == 0 {
        return 1.0;
    }
    if q == 0.0 {
        return 0.0;
    }
    let progress = Poisson::new(f64::from(z) * q / p).expect("the mean is above zero");
    let misses = (0..=z).map(|k| progress.pmf(u64::from(k)) * (1.0 - (q / p).powf(f64::from(z - k))));
    1.0 - misses.sum::<f64>()
}

/// How much giving up at `give_up_at` takes from the attacker: summed from its own parts and not a
/// difference, so that it is exact where it is small.
///
/// It gives up when honest length - attacker's length >= `give_up_at`, looked at when the payee accepts
/// and after every block from then on, never before. Both lengths are from the common parent, the
/// block of [`Start::OneBlock`] counted. Exact: past acceptance the race is a gambler's ruin between one
/// block ahead and `give_up_at` behind.
///
/// # Panics
/// When `q` is not below a half, or `give_up_at` is zero.
pub fn bias(q: f64, z: u32, start: Start, give_up_at: u32) -> f64 {
    let (p, limit) = (honest(q), ruin_limit(give_up_at));
    assert!(q < p, "an attacker with half the hash rate never needs to give up");
    let ratio = q / p;
    let lost = |short: f64| {
        if short >= limit {
            return ratio.powf(short);
        }
        ratio.powf(limit) * (1.0 - ratio.powf(short)) / (1.0 - ratio.powf(limit))
    };
    behind_at_acceptance(q, z, start).map(|(short, chance)| chance * lost(short)).sum()
}

/// The least `give_up_at` whose [`bias`] is at most `bound`.
///
/// # Panics
/// When `q` is not below a half, or `bound` is not above zero.
pub fn least_give_up(q: f64, z: u32, start: Start, bound: f64) -> u32 {
    assert!(bound > 0.0, "no attacker that gives up loses nothing");
    (1..).find(|give_up_at| bias(q, z, start, *give_up_at) <= bound).expect("the bias goes to zero")
}

fn honest(q: f64) -> f64 {
    assert!((0.0..=1.0).contains(&q), "{q} is no share of the hash rate");
    1.0 - q
}

/// Counted in blocks short of winning: one more than blocks behind, since the attacker must be ahead.
fn ruin_limit(give_up_at: u32) -> f64 {
    assert!(give_up_at > 0, "an attacker that gives up at no distance does not begin");
    f64::from(give_up_at) + 1.0
}

/// Probability of finding m blocks of one kind before the `n`th of the other, for m = 0, 1, ...
fn found_before(losses: f64, gains: f64, n: u32) -> impl Iterator<Item = f64> {
    let first = losses.powf(f64::from(n));
    let step = move |chance: &f64, m: u32| chance * gains * f64::from(m + n) / f64::from(m + 1);
    let rest = (0..).scan(first, move |chance, m| {
        *chance = step(chance, m);
        Some(*chance)
    });
    core::iter::once(first).chain(rest)
}

/// How many blocks the attacker is short of winning when the payee accepts, with the probability of each
/// number, where it has not won already.
fn behind_at_acceptance(q: f64, z: u32, start: Start) -> impl Iterator<Item = (f64, f64)> {
    let must_find = z + 1 - start.blocks();
    let short = (0..must_find).map(move |found| f64::from(must_find - found));
    short.zip(found_before(1.0 - q, q, z))
}

/// Probability that the attacker is ahead when the payee accepts: that it finds enough blocks before the
/// `z`th honest one.
fn won_already(q: f64, z: u32, start: Start) -> f64 {
    match (z + 1 - start.blocks(), z) {
        (0, _) => 1.0,
        (_, 0) => 0.0,
        (must_find, _) => beta_reg(f64::from(must_find), f64::from(z), q),
    }
}

#[cfg(test)]
mod tests;
