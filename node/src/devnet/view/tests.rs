//! What a page is told.

use super::*;

fn view(nodes: u16) -> View {
    let view = View::new(&Chain::builtin("devnet").expect("devnet"), nodes);
    let status = |id: u16| Some(json!({ "peer_id": format!("p{id}"), "tip": "", "peers": [] }));
    let mut answers: Vec<Option<Value>> = (0..nodes).map(status).collect();
    let genesis = view.snapshot(usize::MAX)["nodes"][0]["tip"].clone();
    answers.iter_mut().flatten().for_each(|answer| answer["tip"] = genesis.clone());
    view.asked(&answers);
    view
}

fn told(view: &View, node: u16, kind: &str, data: Value) {
    view.hear(&Happening::now(What::Told { node, kind: kind.to_owned(), data }));
}

fn connects(view: &View, node: u16, height: u64, hash: &str, previous: &str, from: Option<&str>) {
    let data = json!({
        "height": height, "hash": hash, "previousblockhash": previous, "nTx": 1, "tag": "node 0", "from": from,
    });
    told(view, node, "block_connected", data);
}

fn news(view: &View, from: u64) -> Vec<(String, Value)> {
    match view.log().since(from) {
        cairn_daemon::event_log::Found::Entries(entries) => entries
            .iter()
            .map(|entry| (entry.kind.to_string(), serde_json::from_str(&entry.data).expect("JSON")))
            .collect(),
        cairn_daemon::event_log::Found::Gap { .. } => panic!("a gap"),
    }
}

#[test]
fn a_block_is_told_once_and_then_who_got_it_from_whom() {
    let view = view(2);
    let from = view.log().next();
    connects(&view, 0, 1, "aa", "g", None);
    connects(&view, 1, 1, "aa", "g", Some("p0"));
    let kinds: Vec<String> = news(&view, from).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["block", "got", "tip", "agreement", "got", "tip", "agreement"]);
    let picture = view.snapshot(usize::MAX);
    let got = picture["blocks"][0]["got"].as_array().expect("a list").clone();
    assert_eq!((&got[0][0], &got[0][2]), (&json!(0), &Value::Null));
    assert_eq!((&got[1][0], &got[1][2]), (&json!(1), &json!(0)));
}

#[test]
fn a_snapshot_and_what_follows_it_are_the_same_as_hearing_everything() {
    let view = view(2);
    connects(&view, 0, 1, "aa", "g", None);
    let picture = view.snapshot(usize::MAX);
    assert_eq!(picture["nodes"][0]["tip"], "aa");
    let next = picture["next"].as_u64().expect("a number");
    assert!(news(&view, next).is_empty());
    connects(&view, 1, 1, "aa", "g", Some("p0"));
    assert_eq!(news(&view, next)[0].0, "got");
}

#[test]
fn a_reorganisation_moves_the_tip_once_and_leaves_the_old_branch_in_the_picture() {
    let view = view(1);
    connects(&view, 0, 1, "old", "g", None);
    let from = view.log().next();
    told(&view, 0, "reorganised", json!({ "disconnected": 1, "connected": 2, "fork_height": 0 }));
    told(&view, 0, "block_disconnected", json!({ "height": 1, "hash": "old", "previousblockhash": "g" }));
    connects(&view, 0, 1, "new", "g", None);
    connects(&view, 0, 2, "newer", "new", None);
    let tips = news(&view, from).into_iter().filter(|(kind, _)| *kind == "tip");
    assert_eq!(tips.map(|(_, tip)| tip["hash"].clone()).collect::<Vec<_>>(), ["newer"]);
    let picture = view.snapshot(usize::MAX);
    assert_eq!(picture["blocks"].as_array().map(Vec::len), Some(3));
    assert_eq!((&picture["nodes"][0]["tip"], &picture["nodes"][0]["height"]), (&json!("newer"), &json!(2)));
    let marks = picture["marks"].as_array().expect("a list");
    assert!(marks.iter().any(|mark| mark["kind"] == "reorganised"), "{marks:?}");
}

#[test]
fn cut_heal_and_agreement_are_marks_and_the_last_says_how_long_it_took() {
    let view = view(2);
    view.hear(&Happening::now(What::Cut(Groups::parse("0 / 1", 2).expect("groups"))));
    assert_eq!(view.snapshot(usize::MAX)["groups"], json!([[0], [1]]));
    connects(&view, 0, 1, "aa", "g", None);
    view.hear(&Happening::now(What::Cut(Groups::whole(2))));
    connects(&view, 1, 1, "aa", "g", Some("p0"));
    let picture = view.snapshot(usize::MAX);
    let kinds: Vec<&str> = picture["marks"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|mark| mark["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["partition", "heal", "agreed"]);
    assert!(picture["marks"][2]["took_ms"].is_u64());
}

#[test]
fn a_killed_node_is_down_without_links_and_counts_for_no_agreement() {
    let view = view(2);
    told(&view, 0, "peer_connected", json!({ "peer": "p1" }));
    assert_eq!(view.snapshot(usize::MAX)["links"], json!([[0, 1]]));
    view.hear(&Happening::now(What::Killed(1)));
    let picture = view.snapshot(usize::MAX);
    assert_eq!((&picture["nodes"][1]["up"], &picture["links"]), (&json!(false), &json!([])));
    let last = picture["agreement"].as_array().and_then(|points| points.last().cloned());
    assert_eq!(last.map(|point| point[1].clone()), Some(json!(1)));
    view.hear(&Happening::now(What::Restarted(1)));
    assert_eq!(view.snapshot(usize::MAX)["nodes"][1]["up"], true);
}

#[test]
fn links_that_no_event_told_of_are_seen_when_nodes_are_asked() {
    let view = view(2);
    let status = |peer: &str| Some(json!({ "peer_id": "x", "tip": "t", "peers": [peer] }));
    view.asked(&[status("p1"), None]);
    assert_eq!(view.snapshot(usize::MAX)["links"], json!([]), "the event may be under way");
    view.asked(&[status("p1"), None]);
    assert_eq!(view.snapshot(usize::MAX)["links"], json!([[0, 1]]));
}

#[test]
fn an_answer_that_events_have_overtaken_takes_nothing_back_and_one_that_is_given_twice_counts() {
    let view = view(1);
    let asked = |tip: &str, height: u64| {
        view.asked(&[Some(json!({ "peer_id": "p0", "tip": tip, "height": height, "peers": [] }))]);
        view.snapshot(usize::MAX)["nodes"][0]["tip"].clone()
    };
    connects(&view, 0, 1, "aa", "g", None);
    connects(&view, 0, 2, "bb", "aa", None);
    assert_eq!(asked("aa", 1), "bb", "it was given before the second block");
    assert_eq!(asked("bb", 2), "bb");
    assert_eq!(asked("cc", 3), "bb", "its event may be under way");
    assert_eq!(asked("cc", 3), "cc", "its event was missed");
}

#[test]
fn blocks_from_before_are_in_the_picture_and_genesis_is_not() {
    let view = view(1);
    let block =
        |height: u64| json!({ "hash": height.to_string(), "previous": "p", "height": height, "tx": 2 });
    view.remember(&[block(0), block(1)]);
    let blocks = view.snapshot(usize::MAX)["blocks"].clone();
    assert_eq!((blocks.as_array().map(Vec::len), &blocks[0]["previous"]), (Some(1), &json!("p")));
    assert_eq!(blocks[0]["transactions"], 2);
}
