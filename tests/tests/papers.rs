//! The simulator's results are those of the papers: every sweep, small enough for every check. What
//! `tests/papers` shows comes from the same sweeps with more runs.

use cairn_tests::sweeps::finding::{Finding, Size};
use cairn_tests::sweeps::{difficulty, double_spend, eclipse, forks, partition, selfish};

fn agrees(finding: &Finding) {
    println!("{}", finding.table);
    assert!(finding.points > 0);
    assert!(finding.misses.is_empty(), "{} points, of which {:#?}", finding.points, finding.misses);
    assert!(finding.told_apart.iter().all(|(_, is_apart)| *is_apart), "{:?}", finding.told_apart);
}

/// Also tells the exact probability from Nakamoto's approximation.
#[test]
fn double_spends_succeed_as_often_as_the_exact_formula_says() {
    let finding = double_spend::finding(Size::Quick);
    agrees(&finding);
    assert!(finding.told_apart.len() >= 3, "{:?}", finding.told_apart);
}

#[test]
fn a_selfish_pool_gets_what_eyal_and_sirer_say() {
    agrees(&selfish::finding(Size::Quick));
}

#[test]
fn forks_are_as_frequent_as_decker_and_wattenhofers_model_says() {
    agrees(&forks::finding(Size::Quick));
}

#[test]
fn difficulty_follows_the_hash_rate_as_the_closed_form_says() {
    agrees(&difficulty::finding(Size::Quick));
}

#[test]
fn a_partition_ends_in_a_reorganization_as_deep_as_the_closed_form_says() {
    agrees(&partition::finding(Size::Quick));
}

/// ATTACKS 27. Among others: 20 addresses of one network leave at least 6 of 8 full connections to honest nodes.
#[test]
fn a_restarted_node_is_eclipsed_as_seldom_as_recorded() {
    agrees(&eclipse::finding(Size::Quick));
}
