//! How ASERT answers when the hash rate changes at once: the mean course of the difficulty.

/// The hash rate jumps, and stays.
///
/// The difficulty is counted in that at which the old hash rate finds a block each `interval_s`.
///
/// ASERT makes log2 of the difficulty (n T - t) / H after n blocks and t seconds: it falls by
/// (t - T) / H at a block that took t. Such a block takes T d / r on average. Taking each block for its
/// average, with r / (T d) blocks in each second, d' = ln2/H (r - d).
///
/// Right when H is many T; single runs scatter around it.
/// Source: the rule is aserti3-2d's (Bitcoin Cash, 2020-11-15 upgrade); the course is derived here.
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
}

#[cfg(test)]
mod tests {
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
    fn the_course_begins_where_the_difficulty_was_and_ends_at_the_hash_rate() {
        for step in STEPS {
            assert_close(step.difficulty_after_seconds(0.0), step.difficulty_before, 1e-12);
            assert_close(step.difficulty_after_seconds(100.0 * step.half_life_s), step.factor, 1e-12);
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
                let took = step.interval_s * difficulty / step.factor;
                seconds += took;
                difficulty *= ((step.interval_s - took) / step.half_life_s).exp2();
            }
            // Off by about ln2 T / H, what one block may change.
            assert_close(difficulty, step.difficulty_after_seconds(seconds), 0.02);
        }
    }
}
