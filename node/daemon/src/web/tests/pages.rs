//! What pages ask, of a node with a chain, a side branch, the address index and an unconfirmed payment.

use std::sync::Arc;

use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::signature::SerialVerifier;
use cairn_core::testing::{TestChain, lock, pay};
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::Chain;
use cairn_protocol::mempool::Mempool;
use cairn_protocol::node::{Node, NodeConfig};
use cairn_protocol::peer::PeerId;
use cairn_protocol::peers::ConnectionLimits;
use cairn_protocol::peers::address_key::AddressKey;
use serde_json::json;
use tokio::sync::mpsc;

use super::*;
use crate::driver::Driver;
use crate::p2p::Network;
use crate::p2p::traffic::Traffic;
use crate::store::directory::Directory;
use crate::store::{Indexing, Opening, SledStore};

/// A server with a node behind it.
pub struct Site {
    pub server: Server,
    test: TestChain,
    pub handle: NodeHandle,
    /// Without it the driver would stop.
    _events: mpsc::Sender<crate::p2p::connection::PeerEvent>,
    _directory: tempfile::TempDir,
}

impl Site {
    async fn start(indexing: Indexing) -> Self {
        Self::behind(Rpc::loading(Vec::new()), indexing).await
    }

    /// One whose calls can be watched.
    pub async fn with_rpc() -> (Rpc, Self) {
        let rpc = Rpc::loading(Vec::new());
        (rpc.clone(), Self::behind(rpc, Indexing::Off).await)
    }

    async fn behind(rpc: Rpc, indexing: Indexing) -> Self {
        let (test, directory) = (TestChain::new(), tempfile::tempdir().expect("a directory"));
        let taken = Directory::open(directory.path(), test.genesis.hash().into(), Opening::Resume);
        let store = SledStore::open_in(taken.expect("free"), &test.genesis, Opening::Resume, indexing);
        let verifier = Box::new(SerialVerifier);
        let chain = Chain::open(test.params.clone(), &test.genesis, store.expect("it opens"), verifier);
        let own = PeerId::from_bytes([1; 32]);
        let config = NodeConfig {
            id: own,
            user_agent: "/test/".into(),
            listen: Vec::new(),
            connect: Vec::new(),
            limits: ConnectionLimits { outbound: 0, inbound: 0 },
            ping_interval: None,
            address_key: AddressKey::new([1, 4]),
        };
        let machine = Node::new(config, chain.expect("it opens"), Mempool::new(1 << 20), 1);
        let traffic = Arc::new(Traffic::default());
        let (handle, ends) =
            NodeHandle::new(own, traffic.clone(), Default::default(), CancellationToken::new());
        let ((sender, events), (commands, _)) = (mpsc::channel(4), mpsc::channel(64));
        let network = Network { own, listen: None, events, commands, traffic, delays: Default::default() };
        Driver::spawn(machine, ends, network, tokio::runtime::Handle::current()).expect("a thread");
        open(&rpc, handle.clone());
        let server = Server::of(rpc, "127.0.0.1:0").await;
        Self { server, test, handle, _events: sender, _directory: directory }
    }

    async fn submit(&self, blocks: &[Arc<Block>]) {
        for block in blocks {
            let _verdict = self.handle.submit_block(block.clone()).await.expect("it is valid");
        }
    }

    /// Two blocks; key 1 pays 400 of its 1,000 to key 2 in the first, and key 2 pays 100 of that on to
    /// key 3 in an unconfirmed transaction. The second has a sibling.
    async fn with_payments() -> (Self, Vec<Arc<Block>>) {
        let site = Self::start(Indexing::On).await;
        let test = &site.test;
        let payment = test.spend(1, &[test.premine(1)], vec![pay(400, 2), pay(600, 1)]);
        let made = OutPoint { txid: payment.txid(), index: 0 };
        let first = test.block_on(&test.genesis, 9, Amount::ZERO, vec![payment]);
        let second = test.block_on(&first, 9, Amount::ZERO, Vec::new());
        let sibling = test.block_on(&first, 8, Amount::ZERO, Vec::new());
        site.submit(&[first.clone(), second.clone(), sibling.clone()]).await;
        let unconfirmed = test.spend(2, &[(made, pay(400, 2))], vec![pay(100, 3), pay(299, 2)]);
        site.handle.submit_transaction(unconfirmed, None).await.expect("it pays its fee");
        (site, vec![first, second, sibling])
    }

    fn address(&self, number: u8) -> String {
        Address::new(&self.test.params.address_prefix, lock(number)).to_string()
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let (status, head, body) = self.server.send(&format!("GET {path}"), &[], "").await;
        assert!(head.contains("cache-control: no-store") && head.contains("nosniff"), "{head}");
        (status, serde_json::from_str(&body).expect("JSON"))
    }

    async fn history(&self, number: u8, rest: &str) -> Value {
        let path = format!("/v1/ask/0/getaddresshistory?params=%5B%22{}%22{rest}%5D", self.address(number));
        let (status, answer) = self.get(&path).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

#[tokio::test]
async fn an_address_shows_what_every_transaction_changed_for_it_the_newest_first() {
    let (site, blocks) = Site::with_payments().await;
    let shown = site.history(1, "").await;
    assert_eq!((&shown["balance"], &shown["received"]), (&json!(600.0), &json!(1600.0)));
    assert_eq!((&shown["txs"], &shown["utxos"]), (&json!(2), &json!(1)));
    let payment = &blocks[0].transactions()[0];
    assert_eq!(
        shown["history"][0],
        json!({
            "txid": payment.txid().to_string(),
            "height": 1,
            "blockhash": blocks[0].hash().to_string(),
            "time_ms": blocks[0].header().time.millis(),
            "confirmations": 2,
            "amount": -400.0,
            "position": 1,
        })
    );
    assert_eq!((&shown["history"][1]["height"], &shown["history"][1]["amount"]), (&json!(0), &json!(1000.0)));
    assert_eq!(site.history(1, ",1,1").await["history"][0]["height"], json!(0));
    assert_eq!(site.history(1, ",0").await["history"], json!([]));
    assert_eq!(shown["unconfirmed"], json!([]));
    // A coin of the chain that an unconfirmed transaction spends, and change that it would make.
    let spender = site.history(2, "").await;
    assert_eq!((&spender["balance"], &spender["unconfirmed"][0]["amount"]), (&json!(1400.0), &json!(-101.0)));
    assert_eq!(spender["unconfirmed"][0]["height"], Value::Null);
    let payee = site.history(3, "").await;
    assert_eq!((&payee["txs"], &payee["unconfirmed"][0]["amount"]), (&json!(1), &json!(100.0)));
    let unknown = site.history(77, "").await;
    assert_eq!((&unknown["txs"], &unknown["history"]), (&json!(0), &json!([])));
    let path = format!("/v1/ask/0/getaddressutxos?params=%5B%22{}%22%5D", site.address(2));
    let (_, coins) = site.get(&path).await;
    let coins = coins["unspents"].as_array().expect("coins");
    assert_eq!(coins.len(), 2);
    let paid = coins.iter().find(|coin| coin["height"] == 1).expect("the payment's");
    assert!(paid["amount"] == json!(400.0) && paid["spent_by"].is_string(), "{paid}");
    let premine = coins.iter().find(|coin| coin["height"] == 0).expect("the premine");
    assert_eq!((&premine["coinbase"], &premine["spent_by"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn without_the_index_the_missing_option_is_named() {
    let site = Site::start(Indexing::Off).await;
    let path = format!("/v1/ask/0/getaddresshistory?params=%5B%22{}%22%5D", site.address(1));
    let (status, answer) = site.get(&path).await;
    assert_eq!((status, &answer["error"]["code"]), (200, &json!(-1)));
    assert!(answer["error"]["message"].as_str().expect("text").contains("--address-index"));
    assert_eq!(site.get("/v1/view").await.1["nodes"][0]["address_index"], json!(false));
}

#[tokio::test]
async fn a_question_is_answered_with_the_result_alone_and_a_wrong_one_with_the_error() {
    let (site, blocks) = Site::with_payments().await;
    assert_eq!(site.get("/v1/ask/0/getblockcount").await, (200, json!(2)));
    assert_eq!(
        site.get("/v1/ask/0/getblockhash?params=[1]").await,
        (200, json!(blocks[0].hash().to_string()))
    );
    let (status, _) = site.get(&format!("/v1/ask/0/getblock?params=[%22{}%22,3]", blocks[0].hash())).await;
    assert_eq!(status, 200);
    let code = |(status, answer): (u16, Value)| (status, answer["error"]["code"].as_i64());
    assert_eq!(code(site.get("/v1/ask/0/stop").await), (404, Some(-32601)));
    assert_eq!(code(site.get("/v1/ask/0/nothing").await), (404, Some(-32601)));
    assert_eq!(code(site.get("/v1/ask/1/getblockcount").await), (404, Some(-32601)));
    assert_eq!(code(site.get("/v1/ask/0/getblockhash?params=[99]").await), (200, Some(-8)));
    assert_eq!(code(site.get("/v1/ask/0/getblockhash?params=7").await), (400, Some(-32600)));
    assert_eq!(code(site.get("/v1/ask/0/getblockhash?params=[").await), (400, Some(-32600)));
    let unknown = format!("/v1/ask/0/getblock?params=[%22{}%22]", "00".repeat(32));
    assert_eq!(code(site.get(&unknown).await), (200, Some(-5)));
}

#[tokio::test]
async fn a_view_has_the_node_its_chain_and_the_blocks_of_every_branch() {
    let (site, blocks) = Site::with_payments().await;
    let (status, view) = site.get("/v1/view").await;
    assert_eq!((status, &view["kind"]), (200, &json!("node")));
    assert_eq!((&view["chain"]["name"], &view["chain"]["spacing_ms"]), (&json!("test"), &json!(2_000)));
    assert_eq!(view["chain"]["address_prefix"], json!("tcrn"));
    let node = &view["nodes"][0];
    assert_eq!((&node["id"], &node["height"], &node["phase"]), (&json!(0), &json!(2), &json!("idle")));
    assert_eq!((&node["mempool"], &node["hashrate"]), (&json!(1), &Value::Null));
    assert!(node["mempool_bytes"].as_u64() > Some(100), "{node}");
    let shown: Vec<_> = (view["blocks"].as_array().expect("blocks").iter())
        .map(|block| (block["height"].as_u64().expect("a height"), block["status"].as_str().expect("a word")))
        .collect();
    let tips = if blocks[1].hash() < blocks[2].hash() { ["best", "side"] } else { ["side", "best"] };
    assert_eq!(shown, [(0, "best"), (1, "best"), (2, tips[0]), (2, tips[1])]);
    let first = &view["blocks"][1];
    assert_eq!((&first["tx"], &first["size"]), (&json!(2), &json!(blocks[0].size())));
    assert_eq!(
        (&first["previous"], &first["tag"]),
        (&json!(site.test.genesis.hash().to_string()), &json!("\t"))
    );
    assert!(view["next"].as_u64().is_some(), "{view}");
}

#[tokio::test]
async fn a_view_has_the_newest_three_hundred_blocks() {
    let site = Site::start(Indexing::On).await;
    let blocks = site.test.blocks_on(&site.test.genesis, 9, 310);
    site.submit(&blocks).await;
    let (_, view) = site.get("/v1/view").await;
    let heights: Vec<u64> = (view["blocks"].as_array().expect("blocks").iter())
        .map(|block| block["height"].as_u64().expect("a height"))
        .collect();
    assert_eq!(heights, (11..=310).collect::<Vec<_>>());
    assert!(view["blocks"].as_array().expect("blocks").iter().all(|block| block["tx"] == json!(1)));
}
