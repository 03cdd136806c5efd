//! What a selfish miner earns, and which part of the others mines on its block in a race.

/// Share of the main chain's blocks that a selfish miner with the share `alpha` of the hash rate gets,
/// when the share `gamma` of the honest hash rate mines on its block in a race:
/// (a (1-a)^2 (4a + g (1-2a)) - a^3) / (1 - a (1 + (2-a) a)).
///
/// A share of blocks: it becomes more money only once the difficulty has adjusted.
/// Source: Eyal and Sirer, "Majority is not enough: Bitcoin mining is vulnerable" (2014).
///
/// # Panics
/// When `alpha` is not below a half (the formula has a pole there) or a share is no share.
pub fn revenue(alpha: f64, gamma: f64) -> f64 {
    assert!((0.0..0.5).contains(&alpha), "{alpha} is no minority of the hash rate");
    assert_share(gamma);
    let others = 1.0 - alpha;
    let won = alpha * others * others * (4.0 * alpha + gamma * (1.0 - 2.0 * alpha)) - alpha.powi(3);
    won / (1.0 - alpha * (1.0 + (2.0 - alpha) * alpha))
}

/// The share of the hash rate above which selfish mining pays: (1 - gamma) / (3 - 2 gamma).
///
/// Source: Eyal and Sirer (2014).
///
/// # Panics
/// When `gamma` is no share.
pub fn threshold(gamma: f64) -> f64 {
    assert_share(gamma);
    (1.0 - gamma) / (3.0 - 2.0 * gamma)
}

/// The `gamma` of a race on nodes that keep the block they saw first: s - s^2 / m.
///
/// The honest hash rate has a near part, the share `near_share` of it (s), spread evenly over
/// `near_nodes` nodes (m), to which the attacker's block comes first; to all others the honest block
/// comes first. The finder of the honest block never mines on the attacker's. It is a near node with
/// probability s, and then its s / m is missing. Revenue is linear in gamma, so that the mean over
/// finders may stand for it. How many nodes the far part has does not matter.
///
/// # Panics
/// When `near_share` is no share, or is above zero with no near nodes.
pub fn effective_gamma(near_share: f64, near_nodes: u32) -> f64 {
    assert_share(near_share);
    if near_share == 0.0 {
        return 0.0;
    }
    assert!(near_nodes > 0, "a share without nodes");
    near_share - near_share * near_share / f64::from(near_nodes)
}

/// The near share, the smaller one if there are two, whose [`effective_gamma`] is `gamma`. None where no
/// share reaches it: above 1 - 1 / `near_nodes`, or above a quarter for a single near node.
///
/// # Panics
/// When `gamma` is no share.
pub fn near_share_for(gamma: f64, near_nodes: u32) -> Option<f64> {
    assert_share(gamma);
    if gamma == 0.0 {
        return Some(0.0);
    }
    if near_nodes == 0 {
        return None;
    }
    let under_the_root = 1.0 - 4.0 * gamma / f64::from(near_nodes);
    if under_the_root < 0.0 {
        return None;
    }
    // The root of s^2 / m - s + gamma in the form that subtracts nothing.
    let share = 2.0 * gamma / (1.0 + under_the_root.sqrt());
    (share <= 1.0).then_some(share)
}

fn assert_share(share: f64) {
    assert!((0.0..=1.0).contains(&share), "{share} is no share");
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALPHAS: [f64; 9] = [0.10, 0.20, 0.25, 0.30, 1.0 / 3.0, 0.35, 0.40, 0.45, 0.475];
    /// Revenue by gamma, for each of [`ALPHAS`]: the closed form, computed apart from this code.
    const REVENUES: [(f64, [f64; 9]); 3] = [
        (0.0, [0.03564, 0.12967, 0.19512, 0.27313, 0.33333, 0.36651, 0.48372, 0.65177, 0.78255]),
        (0.5, [0.07242, 0.18242, 0.25000, 0.32687, 0.38462, 0.41603, 0.52558, 0.68060, 0.80064]),
        (1.0, [0.10919, 0.23516, 0.30488, 0.38062, 0.43590, 0.46556, 0.56744, 0.70942, 0.81873]),
    ];
    /// Gamma and threshold, from Eyal and Sirer 2014.
    const THRESHOLDS: [(f64, f64); 5] =
        [(0.0, 1.0 / 3.0), (0.25, 0.3), (0.5, 0.25), (0.75, 1.0 / 6.0), (1.0, 0.0)];

    /// Eyal and Sirer's chain of leads, walked until leads above a hundred hold next to nothing.
    fn revenue_of_the_chain(alpha: f64, gamma: f64) -> f64 {
        let others = 1.0 - alpha;
        // Weights of the states: no lead, race, lead 1, 2, ... relative to no lead.
        let lead = |n: i32| alpha * (alpha / others).powi(n - 1);
        let race = others * lead(1);
        let by_attacker = race * (2.0 * alpha + gamma * others)
            + 2.0 * others * lead(2)
            + (3..200).map(|n| others * lead(n)).sum::<f64>();
        let by_others = race * (gamma * others + 2.0 * (1.0 - gamma) * others) + others;
        by_attacker / (by_attacker + by_others)
    }

    #[test]
    fn the_table_of_revenues_comes_out_to_the_last_digit() {
        for (gamma, row) in REVENUES {
            for (alpha, printed) in ALPHAS.into_iter().zip(row) {
                assert!(
                    (revenue(alpha, gamma) - printed).abs() < 0.500_001e-5,
                    "alpha={alpha} gamma={gamma}"
                );
            }
        }
    }

    #[test]
    fn the_closed_form_is_what_the_chain_of_leads_earns() {
        for (alpha, gamma) in ALPHAS.into_iter().flat_map(|alpha| [0.0, 0.3, 0.9].map(|gamma| (alpha, gamma)))
        {
            let (closed, chain) = (revenue(alpha, gamma), revenue_of_the_chain(alpha, gamma));
            assert!((closed - chain).abs() < 1e-6, "alpha={alpha} gamma={gamma}: {closed} and {chain}");
        }
    }

    #[test]
    fn thresholds_are_the_published_ones_and_revenue_there_is_the_fair_share() {
        for (gamma, printed) in THRESHOLDS {
            let alpha = threshold(gamma);
            assert!((alpha - printed).abs() < 1e-12, "gamma={gamma}");
            assert!((revenue(alpha, gamma) - alpha).abs() < 1e-12, "gamma={gamma}");
        }
    }

    #[test]
    fn the_finder_of_the_honest_block_is_missing_from_gamma() {
        // All are near: whoever found the block is missing.
        assert_eq!(effective_gamma(1.0, 10), 0.9);
        // Half are near, on five nodes: half the time a near one found it, and a tenth is missing.
        assert!((effective_gamma(0.5, 5) - (0.5 * 0.5 + 0.5 * 0.4)).abs() < 1e-15);
        assert_eq!(effective_gamma(0.0, 0), 0.0);
    }

    #[test]
    fn the_share_for_a_gamma_gives_that_gamma() {
        for near_nodes in [1, 2, 3, 10, 1000] {
            for gamma in [0.0, 0.1, 0.25, 0.5, 0.6, 0.9, 0.999] {
                let Some(share) = near_share_for(gamma, near_nodes) else { continue };
                assert!((effective_gamma(share, near_nodes) - gamma).abs() < 1e-12, "{gamma} {near_nodes}");
            }
        }
    }

    #[test]
    fn a_gamma_is_reachable_up_to_one_less_one_node() {
        assert_eq!(near_share_for(0.75, 4), Some(1.0));
        assert_eq!(near_share_for(0.76, 4), None);
        assert_eq!(near_share_for(0.25, 1), Some(0.5));
        assert_eq!(near_share_for(0.26, 1), None);
        assert_eq!(near_share_for(0.1, 0), None);
    }
}
