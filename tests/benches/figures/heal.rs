//! Five nodes of a devnet, cut in two, healed.

use std::path::Path;
use std::time::{Duration, Instant};

use cairn_tests::devnet::Devnet;
use cairn_tests::patience::wait_until;
use cairn_tests::rpc::Rpc;
use serde_json::{Value, json};

use crate::median::in_words;

/// How often it is cut and healed.
const TIMES: usize = 20;

/// From healing to links back and one tip everywhere.
pub fn measure() -> String {
    let devnet = Devnet::start(21_400, &["--nodes", "5", "--mine", "none"]);
    let nodes = devnet.ready["nodes"].as_array().expect("nodes");
    let rpc = |node: &Value| {
        let text = |key: &str| node[key].as_str().expect("text").to_owned();
        Rpc::new(text("rpc").parse().expect("an address"), Path::new(&text("cookie")))
    };
    let nodes: Vec<Rpc> = nodes.iter().map(rpc).collect();
    let (tips, links) = (0..TIMES).map(|_| cut_and_heal(&devnet, &nodes)).unzip();
    format!("one tip: {}; links back: {}", in_words(tips), in_words(links))
}

/// How long until all agree, and until all links are back.
fn cut_and_heal(devnet: &Devnet, nodes: &[Rpc]) -> (Duration, Duration) {
    wait_until("all are linked", || nodes.iter().all(is_linked));
    devnet.net(&["partition", "0,1,2", "/", "3,4"]);
    devnet.net(&["mine", "0", "30"]);
    devnet.net(&["mine", "3", "31"]);
    wait_until("each side agrees", || tip(&nodes[1]) == tip(&nodes[2]) && tip(&nodes[3]) == tip(&nodes[4]));
    let begin = Instant::now();
    devnet.net(&["heal"]);
    let (mut agreed, mut linked) = (None, None);
    loop {
        assert!(begin.elapsed() < Duration::from_secs(60), "no agreement within a minute");
        let best = tip(&nodes[3]);
        if agreed.is_none() && nodes.iter().all(|node| tip(node) == best) {
            agreed = Some(begin.elapsed());
        }
        if linked.is_none() && nodes.iter().all(is_linked) {
            linked = Some(begin.elapsed());
        }
        if let (Some(agreed), Some(linked)) = (agreed, linked) {
            return (agreed, linked);
        }
    }
}

fn tip(node: &Rpc) -> Value {
    node.call("getbestblockhash", json!([])).expect("it answers")
}

fn is_linked(node: &Rpc) -> bool {
    node.call("getconnectioncount", json!([])).expect("it answers") == 4
}
