//! What healing a network cut in two undoes.

use statrs::distribution::{Discrete, DiscreteCDF, Poisson};

/// A network cut in two for a time, while the difficulty stays.
///
/// Each side finds blocks on its own, so their counts are independent and Poisson. When the cut heals,
/// the side with fewer blocks gives its own up. After a tie each side keeps what it has until the next
/// block, which undoes the other side's. Either way the depth is the smaller count; a depth of zero is
/// no reorganization.
///
/// Blocks travel at once in this model, also inside a side: with delays, a side that keeps forking
/// counts for less.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Partition {
    minority: Poisson,
    majority: Poisson,
    minority_share: f64,
}

impl Partition {
    /// A cut that leaves `minority_share` of the hash rate on the smaller side, for as long as the whole
    /// network takes for `expected_blocks`.
    ///
    /// # Panics
    /// When the share is not above zero and at most a half, or no blocks are expected.
    pub fn new(minority_share: f64, expected_blocks: f64) -> Self {
        assert!(minority_share > 0.0 && minority_share <= 0.5, "{minority_share} is no minority's share");
        assert!(expected_blocks > 0.0, "a cut lasts");
        let side = |share: f64| Poisson::new(share * expected_blocks).expect("the mean is above zero");
        Self { minority: side(minority_share), majority: side(1.0 - minority_share), minority_share }
    }

    /// Probability that the minority's branch ends strictly longer.
    pub fn minority_longer(&self) -> f64 {
        self.counts().map(|blocks| self.minority.pmf(blocks) * below(&self.majority, blocks)).sum()
    }

    /// Probability that both branches end equally long, empty ones included.
    pub fn tie(&self) -> f64 {
        self.counts().map(|blocks| self.minority.pmf(blocks) * self.majority.pmf(blocks)).sum()
    }

    /// Probability that the minority's blocks stay in the chain and the majority's do not: its branch is
    /// longer, or it finds the next block after a tie. Where neither side found a block none can stay.
    pub fn minority_stays(&self) -> f64 {
        let none = self.minority.pmf(0) * self.majority.pmf(0);
        self.minority_longer() + self.minority_share * (self.tie() - none)
    }

    /// Probability that the reorganization goes at least so deep.
    pub fn depth_at_least(&self, blocks: u64) -> f64 {
        match blocks.checked_sub(1) {
            Some(less) => self.minority.sf(less) * self.majority.sf(less),
            None => 1.0,
        }
    }

    /// The expected depth: the mean of the smaller count. Below that of the minority's count, and well
    /// below when the sides are about equal.
    pub fn mean_depth(&self) -> f64 {
        self.counts().skip(1).map(|blocks| self.depth_at_least(blocks)).sum()
    }

    /// How many payments lose their confirmation, of so many made on each side during the cut.
    ///
    /// Payments come evenly and blocks have room, so of a side that found k blocks those before its last
    /// block are confirmed: k / (k + 1) of them on average. What loses its confirmation waits again; it
    /// is lost only where the other branch spends the same coins.
    pub fn undone_payments(&self, minority_payments: f64, majority_payments: f64) -> f64 {
        let undone = |blocks: u64| {
            let (minority, majority) = (self.minority.pmf(blocks), self.majority.pmf(blocks));
            let tie = minority * majority;
            let by_majority = minority * self.majority.sf(blocks) + tie * (1.0 - self.minority_share);
            let by_minority = majority * self.minority.sf(blocks) + tie * self.minority_share;
            let confirmed = blocks as f64 / (blocks as f64 + 1.0);
            confirmed * (by_majority * minority_payments + by_minority * majority_payments)
        };
        self.counts().map(undone).sum()
    }

    /// Counts that hold all but next to nothing of both sides: twelve deviations above the larger mean.
    fn counts(&self) -> impl Iterator<Item = u64> {
        let mean = self.majority.lambda();
        0..(mean + 12.0 * mean.sqrt() + 40.0) as u64
    }
}

fn below(side: &Poisson, blocks: u64) -> f64 {
    blocks.checked_sub(1).map_or(0.0, |less| side.cdf(less))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected blocks, minority's share, per cent by which it ends longer, printed digits.
    const LONGER: [(f64, f64, f64, i32); 6] = [
        (10.0, 0.5, 43.6, 1),
        (10.0, 0.4, 21.2, 1),
        (10.0, 0.3, 7.2, 1),
        (10.0, 0.2, 1.5, 1),
        (10.0, 0.1, 0.12, 2),
        (30.0, 0.3, 0.98, 2),
    ];
    const SHARES: [f64; 4] = [0.05, 0.2, 0.4, 0.5];

    fn assert_close(left: f64, right: f64, tolerance: f64) {
        assert!((left - right).abs() < tolerance, "{left} and {right}");
    }

    #[test]
    fn a_minority_ends_longer_as_often_as_computed_before() {
        for (blocks, share, printed, digits) in LONGER {
            let percent = 100.0 * Partition::new(share, blocks).minority_longer();
            assert_close(percent, printed, 0.5 * 10f64.powi(-digits));
        }
        assert_close(100.0 * Partition::new(0.5, 10.0).tie(), 12.8, 0.05);
    }

    #[test]
    fn one_side_is_longer_or_both_are_equal() {
        for share in SHARES {
            let cut = Partition::new(share, 25.0);
            let majority_longer: f64 =
                cut.counts().map(|blocks| cut.majority.pmf(blocks) * below(&cut.minority, blocks)).sum();
            assert_close(cut.minority_longer() + cut.tie() + majority_longer, 1.0, 1e-12);
        }
        // Equal sides stay equally often, unless neither found a block.
        let any = 1.0 - (-5f64).exp();
        assert_close(Partition::new(0.5, 5.0).minority_stays(), any / 2.0, 1e-12);
    }

    #[test]
    fn a_small_minority_gives_up_its_own_blocks() {
        // Then the smaller count is the minority's.
        let cut = Partition::new(0.05, 100.0);
        assert_close(cut.mean_depth(), 5.0, 1e-9);
    }

    #[test]
    fn equal_sides_go_less_deep_than_half_the_blocks() {
        // The mean difference of two Poisson counts with mean 5 is 10 e^-10 (I0(10) + I1(10)).
        let difference = 10.0 * (-10f64).exp() * (2_815.716_628_466_254 + 2_670.988_303_701_255);
        assert_close(Partition::new(0.5, 10.0).mean_depth(), 5.0 - difference / 2.0, 1e-9);
    }

    #[test]
    fn long_cuts_undo_nearly_every_payment_of_the_minority_and_none_of_the_majority() {
        let cut = Partition::new(0.2, 5_000.0);
        assert_close(cut.undone_payments(1_000.0, 7_777.0), 1_000.0 * (1.0 - 1.0 / 1_001.0), 0.01);
    }

    #[test]
    fn short_cuts_undo_next_to_nothing() {
        assert!(Partition::new(0.3, 0.01).undone_payments(1_000.0, 1_000.0) < 0.1);
    }
}
