//! How ASERT answers when the hash rate changes at once: the mean course of the difficulty.

use core::f64::consts::LN_2;

/// The hash rate jumps, and stays.
///
/// The difficulty is counted in that at which the old hash rate finds a block each `interval_s`.
///
/// ASERT makes log2 of the difficulty (n T - t) / H after n blocks and t seconds: it falls by
/// (t - T) / H at a block that took t. Such a block takes T d / r on average. Taking each block for its
/// average,
///
/// - per block, d' = d ln2 T/H (1 - d / r), a logistic curve: [`difficulty_after_blocks`];
/// - per second, with r / (T d) blocks in each, d' = ln2/H (r - d): [`difficulty_after_seconds`].
///
/// Right when H is many T; single runs scatter around it by [`spread`].
/// Source: the rule is aserti3-2d's (Bitcoin Cash, 2020-11-15 upgrade); the course is derived here.
///
/// [`difficulty_after_blocks`]: Self::difficulty_after_blocks
/// [`difficulty_after_seconds`]: Self::difficulty_after_seconds
/// [`spread`]: Self::spread
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HashRateStep {
    /// The new hash rate over the old one (r).
    pub factor: f64,
    /// The difficulty at the jump (d0): 1 when it had settled.
    pub difficulty_before: f64,
    /// Seconds between blocks that the rule aims at (T).
    pub interval_s: f64,
    /// Seconds of delay that halve the difficulty (H).
    pub half_life_s: f64,
}

impl HashRateStep {
    /// A jump by `factor` of a hash rate to which the difficulty had settled.
    ///
    /// # Panics
    /// When a number is not above zero.
    pub fn from_settled(factor: f64, interval_s: f64, half_life_s: f64) -> Self {
        assert!(factor > 0.0 && interval_s > 0.0 && half_life_s > 0.0, "each is above zero");
        Self { factor, difficulty_before: 1.0, interval_s, half_life_s }
    }

    /// The difficulty so long after the jump: r + (d0 - r) 2^(-t / H).
    pub fn difficulty_after_seconds(&self, seconds: f64) -> f64 {
        let gone = (-seconds / self.half_life_s).exp2();
        self.factor + (self.difficulty_before - self.factor) * gone
    }

    /// The difficulty so many blocks after the jump: r / (1 + (r / d0 - 1) e^(-n ln2 T / H)).
    pub fn difficulty_after_blocks(&self, blocks: f64) -> f64 {
        let gone = (-blocks * LN_2 * self.interval_s / self.half_life_s).exp();
        self.factor / (1.0 + (self.factor / self.difficulty_before - 1.0) * gone)
    }

    /// The blocks of the time since the jump: t / T + (H / T) log2(d / d0), which is the rule itself
    /// solved for n.
    pub fn blocks_after_seconds(&self, seconds: f64) -> f64 {
        let risen = (self.difficulty_after_seconds(seconds) / self.difficulty_before).log2();
        (seconds + self.half_life_s * risen) / self.interval_s
    }

    /// The mean time to the next block at a difficulty, in seconds: T d / r.
    pub fn interval_at_s(&self, difficulty: f64) -> f64 {
        self.interval_s * difficulty / self.factor
    }

    /// Standard deviation of ln(difficulty) once it has settled: sqrt(ln2 T / (2 H)).
    ///
    /// A block adds k (1 - e) to it, where k = ln2 T / H and e is exponential with mean d / r. Near d = r
    /// that takes k of the distance away and adds noise of variance k^2, which settles at k / 2. The mean
    /// difficulty over settled blocks is r exactly, since their mean time must be T.
    pub fn spread(&self) -> f64 {
        (LN_2 * self.interval_s / (2.0 * self.half_life_s)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use cairn_protocol::random::Random;

    use super::*;

    const STEPS: [HashRateStep; 4] = [
        HashRateStep { factor: 2.0, difficulty_before: 1.0, interval_s: 30.0, half_life_s: 3_600.0 },
        HashRateStep { factor: 0.1, difficulty_before: 1.0, interval_s: 30.0, half_life_s: 3_600.0 },
        HashRateStep { factor: 10.0, difficulty_before: 3.0, interval_s: 600.0, half_life_s: 172_800.0 },
        HashRateStep { factor: 1.0, difficulty_before: 4.0, interval_s: 1.0, half_life_s: 100.0 },
    ];

    fn assert_close(left: f64, right: f64, relative: f64) {
        assert!((left / right - 1.0).abs() < relative, "{left} and {right}");
    }

    #[test]
    fn both_forms_agree_through_the_blocks_found_in_each_second() {
        for step in STEPS {
            // Simpson's rule over dn = r / (T d(t)) dt, up to three half-lives.
            let end = 3.0 * step.half_life_s;
            let rate = |t: f64| step.factor / (step.interval_s * step.difficulty_after_seconds(t));
            let parts = 10_000;
            let width = end / f64::from(parts);
            let blocks: f64 = (0..parts)
                .map(|part| {
                    let from = f64::from(part) * width;
                    (rate(from) + 4.0 * rate(from + width / 2.0) + rate(from + width)) * width / 6.0
                })
                .sum();
            assert_close(step.difficulty_after_blocks(blocks), step.difficulty_after_seconds(end), 1e-9);
            assert_close(step.blocks_after_seconds(end), blocks, 1e-9);
        }
    }

    #[test]
    fn the_course_begins_where_the_difficulty_was_and_ends_at_the_hash_rate() {
        for step in STEPS {
            assert_close(step.difficulty_after_seconds(0.0), step.difficulty_before, 1e-12);
            assert_close(step.difficulty_after_blocks(0.0), step.difficulty_before, 1e-12);
            assert_close(step.difficulty_after_seconds(100.0 * step.half_life_s), step.factor, 1e-12);
            assert_close(step.difficulty_after_blocks(1e9), step.factor, 1e-12);
            assert_close(step.interval_at_s(step.factor), step.interval_s, 1e-12);
        }
    }

    #[test]
    fn a_half_life_halves_the_distance() {
        let step = HashRateStep::from_settled(3.0, 30.0, 3_600.0);
        assert_close(step.difficulty_after_seconds(3_600.0), 2.0, 1e-12);
    }

    #[test]
    fn without_hash_rate_the_difficulty_halves_with_each_half_life() {
        let step = HashRateStep::from_settled(1e-12, 30.0, 3_600.0);
        assert_close(step.difficulty_after_seconds(7_200.0), 0.25, 1e-9);
    }

    #[test]
    fn the_rule_block_by_block_without_luck_follows_the_course() {
        for step in STEPS {
            let (mut difficulty, mut seconds) = (step.difficulty_before, 0.0);
            for _ in 0..200 {
                let took = step.interval_at_s(difficulty);
                seconds += took;
                difficulty *= ((step.interval_s - took) / step.half_life_s).exp2();
            }
            // Off by about ln2 T / H, what one block may change.
            assert_close(difficulty, step.difficulty_after_blocks(200.0), 0.02);
            assert_close(difficulty, step.difficulty_after_seconds(seconds), 0.02);
        }
    }

    #[test]
    fn the_rule_with_luck_scatters_as_said_and_its_mean_is_the_hash_rate() {
        let step = HashRateStep::from_settled(1.0, 30.0, 3_600.0);
        let mut luck = Random::derive(1, 0);
        let (mut difficulty, mut sum, mut sum_of_squares, blocks) = (1.0_f64, 0.0, 0.0, 1_000_000);
        for _ in 0..blocks {
            let uniform = (luck.next_u64() as f64 + 1.0) / 2f64.powi(64);
            let took = -uniform.ln() * step.interval_at_s(difficulty);
            difficulty *= ((step.interval_s - took) / step.half_life_s).exp2();
            sum += difficulty;
            sum_of_squares += difficulty.ln().powi(2);
        }
        assert_close(sum / f64::from(blocks), 1.0, 0.002);
        assert_close((sum_of_squares / f64::from(blocks)).sqrt(), step.spread(), 0.02);
    }
}
