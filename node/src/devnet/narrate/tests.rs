//! What people read.

use super::*;

fn told(node: u16, kind: &str, data: Value) -> Happening {
    Happening::now(What::Told { node, kind: kind.to_owned(), data })
}

fn block(height: u64, hash: &str) -> Value {
    json!({ "height": height, "hash": hash, "previousblockhash": "p", "nTx": 3, "tag": "node 3" })
}

fn texts(lines: Vec<Line>) -> Vec<String> {
    lines.into_iter().filter_map(|line| line.text).collect()
}

#[test]
fn a_block_is_told_once_when_every_node_has_it() {
    let mut narrator = Narrator::new(2);
    assert!(narrator.hear(&told(0, "block_connected", block(12, "aa"))).is_empty());
    let lines = texts(narrator.hear(&told(1, "block_connected", block(12, "aa"))));
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].starts_with("block 12 by node 3, 2 transactions, all 2 nodes agree after "),
        "{}",
        lines[0]
    );
    assert!(narrator.hear(&told(1, "block_connected", block(12, "aa"))).is_empty());
}

#[test]
fn a_block_that_stays_on_one_side_is_told_for_that_side() {
    let mut narrator = Narrator::new(3);
    narrator.hear(&Happening::now(What::Cut(Groups::parse("0,1/2", 3).expect("groups"))));
    narrator.hear(&told(0, "block_connected", block(5, "aa")));
    let lines = texts(narrator.hear(&told(1, "block_connected", block(5, "aa"))));
    assert!(lines[0].contains("2 nodes on this side agree"), "{}", lines[0]);
}

#[test]
fn blocks_of_a_side_are_told_for_that_side_before_the_healing_that_came_after_them() {
    let mut narrator = Narrator::new(3);
    narrator.hear(&Happening::now(What::Cut(Groups::parse("0,1/2", 3).expect("groups"))));
    let mut lines = Vec::new();
    for height in 5..11 {
        lines.extend(narrator.hear(&told(2, "block_connected", block(height, &height.to_string()))));
    }
    lines.extend(narrator.hear(&Happening::now(What::Cut(Groups::whole(3)))));
    let texts = texts(lines);
    let (healed, blocks) = texts.split_last().expect("lines");
    assert!(healed.starts_with("healed"), "{texts:?}");
    assert_eq!(blocks.len(), 6, "{texts:?}");
    assert!(blocks.iter().all(|text| text.contains("the one node on this side has it")), "{texts:?}");
}

#[test]
fn a_reorganisation_is_told_with_its_numbers() {
    let mut narrator = Narrator::new(2);
    let data = json!({ "fork_height": 41, "disconnected": 3, "connected": 4 });
    let lines = texts(narrator.hear(&told(1, "reorganised", data)));
    assert_eq!(lines, ["reorganisation on node 1: 3 blocks left, 4 joined, fork point 41"]);
}

#[test]
fn agreement_after_healing_is_told_once_when_all_running_nodes_share_a_tip() {
    let mut narrator = Narrator::new(3);
    narrator.hear(&Happening::now(What::Killed(2)));
    narrator.hear(&told(0, "block_connected", block(5, "aa")));
    narrator.hear(&told(1, "block_connected", block(5, "bb")));
    narrator.hear(&Happening::now(What::Cut(Groups::whole(3))));
    assert!(texts(narrator.tick(Instant::now())).iter().all(|text| !text.contains("again")));
    let mut lines = narrator.hear(&told(1, "block_disconnected", block(5, "bb")));
    lines.extend(narrator.hear(&told(1, "block_connected", block(5, "aa"))));
    lines.extend(narrator.tick(Instant::now()));
    let texts = texts(lines);
    let again = texts.iter().filter(|text| text.starts_with("all 2 nodes agree on block 5 again, "));
    assert_eq!(again.count(), 1, "{texts:?}");
}

#[test]
fn a_node_that_was_restarted_agrees_again_once_it_has_the_tip_of_the_others() {
    let mut narrator = Narrator::new(2);
    (0..2).for_each(|node| drop(narrator.hear(&told(node, "block_connected", block(5, "aa")))));
    narrator.hear(&Happening::now(What::Killed(1)));
    narrator.hear(&told(0, "block_connected", block(6, "bb")));
    narrator.hear(&Happening::now(What::Restarted(1)));
    let is_agreement = |text: &String| text.starts_with("all 2 nodes agree on block 6 again, ");
    assert!(!texts(narrator.tick(Instant::now())).iter().any(is_agreement));
    let lines = texts(narrator.hear(&told(1, "block_connected", block(6, "bb"))));
    assert!(lines.iter().any(|text| is_agreement(text) && text.ends_with(" after the restart")), "{lines:?}");
}

#[test]
fn a_fee_is_told_in_decimal_coins_however_small() {
    let mut narrator = Narrator::new(2);
    let data = json!({ "txid": "9bc7151c46961ba2", "fee": 0.000_002_16 });
    let lines = texts(narrator.hear(&told(0, "transaction_accepted", data)));
    assert_eq!(lines, ["transaction 9bc7151c4696… reached node 0, fee 0.00000216"]);
}
