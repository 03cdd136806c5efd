//! Clients and scripts that were written for Bitcoin Core work unchanged, and a wrong call harms nothing.

use cairn_core::block::Block;
use cairn_core::encoding::{decode, encode};
use cairn_core::transaction::OutPoint;
use cairn_tests::process::{NodeProcess, Options};
use serde_json::{Value, json};

#[path = "core_clients/any_call.rs"]
mod any_call;
#[path = "core_clients/rejected_blocks.rs"]
mod rejected_blocks;
#[path = "core_clients/world.rs"]
mod world;

use self::world::{World, text};

#[test]
fn requests_of_python_bitcoinrpc_bitcoin_cli_and_curl_are_answered_as_bitcoin_core_does() {
    let world = World::new();
    let genesis = world.call("getblockhash", json!([0]));
    let python = r#"{"version": "1.1", "method": "getblockhash", "params": [0], "id": 1}"#;
    assert_eq!(world.post(python), (200, json!({"result": genesis, "error": null, "id": 1})));
    let cli = r#"{"jsonrpc":"2.0","method":"getblockhash","params":[0],"id":1}"#;
    assert_eq!(world.post(cli), (200, json!({"jsonrpc": "2.0", "result": genesis, "id": 1})));
    let named = r#"{"jsonrpc":"1.0","id":"curltest","method":"getblockhash","params":{"height":0}}"#;
    assert_eq!(world.post(named), (200, json!({"result": genesis, "error": null, "id": "curltest"})));
    let (status, answer) = world.post(r#"{"version":"1.1","method":"getblockhash","params":[42],"id":1}"#);
    assert_eq!((status, &answer["error"]["code"]), (500, &json!(-8)));
    assert_eq!(answer["error"]["message"], "Block height out of range");
    let (status, answers) = world.post(
        r#"[{"method":"getblockcount","id":1},{"jsonrpc":"2.0","method":"getblockcount"},{"jsonrpc":"2.0","method":"no","id":2}]"#,
    );
    assert_eq!(status, 200);
    assert_eq!(answers[0], json!({"result": 0, "error": null, "id": 1}));
    assert_eq!(
        answers[1],
        json!({"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": 2})
    );
}

#[test]
fn blocks_headers_and_tips_are_shown_in_every_detail_asked_for() {
    let world = World::new();
    let hashes = world.generate(3);
    let tip = hashes[2].clone();
    let header = world.call("getblockheader", json!([tip]));
    assert_eq!(
        (&header["height"], &header["confirmations"], &header["nTx"]),
        (&json!(3), &json!(1), &json!(1))
    );
    assert_eq!(header["previousblockhash"], json!(hashes[1]));
    assert_eq!(text(&world.call("getblockheader", json!([tip, false]))).len(), 176);
    let block = world.call("getblock", json!([tip]));
    assert_eq!(block["tx"][0], json!(world.block(&tip).coinbase().txid()));
    let full = world.call("getblock", json!([tip, 2]));
    assert_eq!(full["tx"][0]["vout"][0]["scriptPubKey"]["address"], json!(world.address()));
    assert_eq!(full["tx"][0]["vin"][0]["height"], json!(3));
    assert_eq!(
        world.call("getblock", json!({"blockhash": tip, "verbose": false})),
        world.call("getblock", json!([tip, 0]))
    );
    let tips = world.call("getchaintips", json!([]));
    assert_eq!(tips, json!([{"height": 3, "hash": tip, "branchlen": 0, "status": "active"}]));
    assert_eq!(world.call("getbestblockhash", json!([])), json!(tip));
    let info = world.call("getblockchaininfo", json!([]));
    assert_eq!(
        (&info["blocks"], &info["headers"], &info["chain"]),
        (&json!(3), &json!(3), &json!("regtest"))
    );
    assert_eq!(info["initialblockdownload"], json!(false));
    assert_eq!(world.call("waitforblockheight", json!([3, 1000]))["hash"], json!(tip));
    assert_eq!(world.call("waitfornewblock", json!([50]))["hash"], json!(tip));
    assert_eq!(world.call("waitforblock", json!([tip, 50]))["height"], json!(3));
}

#[test]
fn a_payment_goes_from_raw_transaction_to_proof() {
    let world = World::new();
    let first = world.generate(11)[0].clone();
    let (outpoint, output) = world.coin_of(&first);
    let (raw, txid) = world.spend(outpoint, &output, 10_000);
    let decoded = world.call("decoderawtransaction", json!([raw]));
    assert_eq!((&decoded["txid"], &decoded["vin"][0]["txid"]), (&json!(txid), &json!(outpoint.txid)));
    let verdict = world.call("testmempoolaccept", json!([[raw]]));
    assert_eq!((&verdict[0]["allowed"], &verdict[0]["txid"]), (&json!(true), &json!(txid)));
    assert_eq!(world.call("sendrawtransaction", json!([raw])), json!(txid));
    assert_eq!(world.call("sendrawtransaction", json!([raw])), json!(txid), "sending again is no error");
    assert_eq!(world.call("getrawmempool", json!([])), json!([txid]));
    let entry = world.call("getmempoolentry", json!([txid]));
    assert_eq!(entry["fees"]["base"].to_string(), "0.0001");
    assert_eq!(world.call("getrawmempool", json!([true]))[&txid], entry);
    assert_eq!(world.call("getmempoolinfo", json!([]))["size"], json!(1));
    assert_eq!(world.call("getmempoolancestors", json!([txid])), json!([]));
    assert_eq!(world.call("getmempooldescendants", json!([txid, true])), json!({}));
    assert_eq!(world.call("gettxout", json!([outpoint.txid, 0])), Value::Null);
    assert!(world.call("gettxout", json!([outpoint.txid, 0, false])).is_object());
    assert_eq!(world.call("getrawtransaction", json!([txid])), json!(raw));
    let template = world.call("getblocktemplate", json!([{"rules": ["segwit"]}]));
    assert_eq!((&template["transactions"][0]["txid"], &template["height"]), (&json!(txid), &json!(12)));
    let block = world.generate(1)[0].clone();
    let found = world.call("getrawtransaction", json!([txid, 2]));
    assert_eq!((&found["confirmations"], &found["blockhash"]), (&json!(1), &json!(block)));
    assert_eq!(world.call("getrawmempool", json!([])), json!([]));
    let spent = world.call("getblock", json!([block, 3]))["tx"][1]["vin"][0]["prevout"]["height"].clone();
    assert_eq!(spent, json!(1));
    let proof = world.call("gettxoutproof", json!([[txid]]));
    assert_eq!(world.call("verifytxoutproof", json!([proof])), json!([txid]));
    let scanned = world.call("scantxoutset", json!(["start", [format!("addr({})", world.address())]]));
    assert_eq!(scanned["unspents"].as_array().map(Vec::len), Some(12));
    let set = world.call("gettxoutsetinfo", json!([]));
    assert_eq!(set["bestblock"], json!(block));
    assert!(world.call("estimatesmartfee", json!([6]))["feerate"].is_number());
}

#[test]
fn every_cause_of_a_refused_payment_has_an_error_of_its_own() {
    let world = World::new();
    let hashes = world.generate(11);
    let (outpoint, output) = world.coin_of(&hashes[0]);
    let (young, young_output) = world.coin_of(&hashes[10]);
    let (raw, _) = world.spend(young, &young_output, 10_000);
    let (code, message) = world.refused("sendrawtransaction", json!([raw]));
    assert_eq!(code, -26, "{message}");
    assert!(
        message.starts_with("bad-txns-premature-spend-of-coinbase") && message.contains("more blocks"),
        "{message}"
    );
    let never = OutPoint { index: 5, ..outpoint };
    let (raw, _) = world.spend(never, &output, 10_000);
    let (code, message) = world.refused("sendrawtransaction", json!([raw]));
    assert_eq!(code, -25, "{message}");
    assert!(
        message.starts_with("bad-txns-inputs-missingorspent") && message.contains("does not exist"),
        "{message}"
    );
    let (paying, txid) = world.spend(outpoint, &output, 10_000);
    world.call("sendrawtransaction", json!([paying]));
    let (cheaper, _) = world.spend(outpoint, &output, 9_000);
    let (code, message) = world.refused("sendrawtransaction", json!([cheaper]));
    assert_eq!(code, -26, "{message}");
    assert!(message.starts_with("txn-mempool-conflict") && message.contains(&txid), "{message}");
    world.generate(1);
    let (late, _) = world.spend(outpoint, &output, 20_000);
    let (code, message) = world.refused("sendrawtransaction", json!([late]));
    assert_eq!(code, -25, "{message}");
    assert!(message.contains(&format!("is spent by {txid} at height 12")), "{message}");
    assert_eq!(world.refused("sendrawtransaction", json!([paying])).0, -27);
    let (rich, _) = world.spend(world.coin_of(&hashes[1]).0, &output, 100_000_000);
    assert_eq!(world.refused("sendrawtransaction", json!([rich])).0, -25, "maxfeerate");
    let mut forged = hex::decode(world.spend(world.coin_of(&hashes[1]).0, &output, 10_000).0).expect("hex");
    *forged.last_mut().expect("bytes") ^= 1;
    assert_eq!(world.refused("sendrawtransaction", json!([hex::encode(forged)])).0, -26);
}

#[test]
fn an_external_miner_gets_templates_and_hands_in_blocks() {
    let world = World::new();
    let shown = world.call("generateblock", json!([world.address(), [], false]));
    assert_eq!(world.call("getblockcount", json!([])), json!(0));
    let hex = text(&shown["hex"]).to_owned();
    assert_eq!(world.call("getblocktemplate", json!([{"mode": "proposal", "data": hex}])), Value::Null);
    assert_eq!(world.call("submitblock", json!([hex])), Value::Null);
    assert_eq!(world.call("submitblock", json!([hex])), json!("duplicate"));
    assert_eq!(world.call("getbestblockhash", json!([])), shown["hash"]);
    let stale = world.call("getblocktemplate", json!([{"mode": "proposal", "data": hex}]));
    assert_eq!(stale, json!("duplicate"));
    let bytes = hex::decode(&hex).expect("hex");
    let block: Block = decode(&bytes, bytes.len()).expect("a block");
    let header = *block.header();
    let target = header.bits.to_target().expect("a target");
    let header = (0..)
        .map(|nonce| header.with_nonce(nonce))
        .find(|header| !target.is_met_by(header.hash()))
        .expect("some nonce does no work");
    let lazy = Block::new(header, block.coinbase().clone(), Vec::new());
    assert_eq!(world.call("submitblock", json!([hex::encode(encode(&lazy))])), json!("high-hash"));
    assert_eq!(world.refused("submitblock", json!(["00"])).0, -22);
    let ahead = block.header().time.saturating_add(std::time::Duration::from_secs(30 * 24 * 3600));
    let header = cairn_core::header::Header::from(cairn_core::header::HeaderFields {
        time: ahead,
        previous_block_hash: block.hash(),
        ..*header
    });
    let header = (0..)
        .map(|nonce| header.with_nonce(nonce))
        .find(|header| target.is_met_by(header.hash()))
        .expect("every other nonce does the work");
    let early = Block::new(header, block.coinbase().clone(), Vec::new());
    assert_eq!(world.call("submitblock", json!([hex::encode(encode(&early))])), json!("time-too-new"));
    let info = world.call("getmininginfo", json!([]));
    assert_eq!((&info["blocks"], &info["next"]["height"]), (&json!(1), &json!(2)));
    assert!(world.call("getnetworkhashps", json!([])).is_number());
    world.call("setmining", json!([world.address(), 1, 10]));
    assert_eq!(world.call("getnodestatus", json!([]))["mining"]["hashrate"], json!(10));
    world.call("setmining", json!([null]));
    assert_eq!(world.call("getnodestatus", json!([]))["mining"], Value::Null);
}

#[test]
fn an_operator_overrules_which_branch_is_best() {
    let world = World::new();
    let hashes = world.generate(12);
    let (outpoint, output) = world.coin_of(&hashes[0]);
    let (raw, txid) = world.spend(outpoint, &output, 10_000);
    world.call("sendrawtransaction", json!([raw]));
    let paying = world.generate(1)[0].clone();
    assert_eq!(world.call("invalidateblock", json!([paying])), Value::Null);
    assert_eq!(world.call("getbestblockhash", json!([])), json!(hashes[11]));
    assert_eq!(world.call("getrawmempool", json!([])), json!([txid]), "what it confirmed waits again");
    let tips = world.call("getchaintips", json!([]));
    assert_eq!(
        (&tips[0]["hash"], &tips[1]["hash"], &tips[1]["status"]),
        (&json!(hashes[11]), &json!(paying), &json!("invalid"))
    );
    let info = world.call("getblockchaininfo", json!([]));
    assert_eq!((&info["blocks"], &info["headers"]), (&json!(12), &json!(12)));
    assert_eq!(
        world.call("submitblock", json!([world.call("getblock", json!([paying, 0]))])),
        json!("duplicate-invalid")
    );
    let shown = world.call("generateblock", json!([world.address(), []]));
    let other = shown["hash"].clone();
    world.call("reconsiderblock", json!([paying]));
    assert_eq!(world.call("getbestblockhash", json!([])), other, "of equals the best one stays");
    world.call("preciousblock", json!([paying]));
    assert_eq!(world.call("getbestblockhash", json!([])), json!(paying));
    assert_eq!(world.call("getrawmempool", json!([])), json!([]));
    let genesis = world.call("getblockhash", json!([0]));
    assert_eq!(world.refused("invalidateblock", json!([genesis])).0, -8);
    for method in ["invalidateblock", "reconsiderblock", "preciousblock"] {
        let (code, message) = world.refused(method, json!(["00".repeat(32)]));
        assert_eq!((code, message.as_str()), (-5, "Block not found"), "{method}");
    }
}

#[test]
fn a_header_comes_before_its_block() {
    let world = World::new();
    world.generate(1);
    let shown = world.call("generateblock", json!([world.address(), [], false]));
    let header = &text(&shown["hex"])[..176];
    assert_eq!(world.call("submitheader", json!([header])), Value::Null);
    assert_eq!(world.call("submitheader", json!([header])), Value::Null, "again is no error");
    let tips = world.call("getchaintips", json!([]));
    assert_eq!((&tips[1]["hash"], &tips[1]["status"]), (&shown["hash"], &json!("headers-only")));
    let info = world.call("getblockchaininfo", json!([]));
    assert_eq!((&info["blocks"], &info["headers"]), (&json!(1), &json!(2)));
    assert_eq!(world.refused("getblock", json!([shown["hash"]])).0, -1, "its block is not here");
    assert_eq!(world.refused("submitheader", json!(["00"])).0, -22);
    let orphan = format!("{}{}{}", &header[..8], "11".repeat(32), &header[72..]);
    let (code, message) = world.refused("submitheader", json!([orphan]));
    assert_eq!(code, -25, "{message}");
    assert_eq!(world.call("submitblock", json!([shown["hex"]])), Value::Null);
    assert_eq!(world.call("getblockcount", json!([])), json!(2));
}

#[test]
fn the_coins_counted_while_blocks_come_are_those_of_one_tip() {
    let world = World::new();
    world.generate(50);
    let premine =
        world.call("gettxoutsetinfo", json!(["none"]))["total_amount"].as_f64().expect("coins") - 2500.0;
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Below the first halving, so that the sum is easily told.
            for _ in 0..90 {
                world.generate(1);
            }
            done.store(true, std::sync::atomic::Ordering::Release);
        });
        let mut heights = std::collections::BTreeSet::new();
        while !done.load(std::sync::atomic::Ordering::Acquire) {
            let set = world.call("gettxoutsetinfo", json!([]));
            let height = set["height"].as_u64().expect("a height");
            assert_eq!(set["bestblock"], world.call("getblockhash", json!([height])));
            assert_eq!(
                set["total_amount"].as_f64(),
                Some(premine + 50.0 * height as f64),
                "at height {height}"
            );
            let scan = world.call("scantxoutset", json!(["start", [world.address()]]));
            assert_eq!(
                scan["unspents"].as_array().map(Vec::len),
                scan["height"].as_u64().map(|height| height as usize)
            );
            assert_eq!(scan["success"], json!(true));
            heights.insert(height);
        }
        assert!(heights.len() > 1, "blocks came meanwhile");
    });
    assert_eq!(world.call("scantxoutset", json!(["status"])), Value::Null);
    assert_eq!(world.call("scantxoutset", json!(["abort"])), json!(false));
}

#[test]
fn the_nodes_own_miner_says_what_it_does() {
    let world = World::new();
    let idle = world.call("getmininginfo", json!([]))["miner"].clone();
    assert_eq!(
        (&idle["active"], &idle["threads"], &idle["blocksfound"]),
        (&json!(false), &json!(0), &json!(0))
    );
    world.call("setmining", json!([world.address(), 2, 200]));
    cairn_tests::patience::wait_until("blocks are found and hashes counted", || {
        let miner = world.call("getmininginfo", json!([]))["miner"].clone();
        miner["blocksfound"].as_u64() > Some(1) && miner["hashespersec"].as_f64() > Some(0.0)
    });
    world.call("setmining", json!([null]));
    let miner = world.call("getmininginfo", json!([]))["miner"].clone();
    assert!(miner["hashes"].as_u64() >= miner["blocksfound"].as_u64(), "{miner}");
}

#[test]
fn peers_are_added_listed_banned_and_pardoned() {
    let first = World::new();
    let second = NodeProcess::start(Options::connected_to(&[&first.node]));
    cairn_tests::patience::wait_until("the two meet", || first.node.peers() == 1);
    let peer = first.call("getpeerinfo", json!([]))[0].clone();
    assert_eq!(
        (&peer["inbound"], &peer["peerid"]),
        (&json!(true), &second.call("getnetworkinfo", json!([]))["peerid"])
    );
    assert_eq!(first.call("getconnectioncount", json!([])), json!(1));
    assert!(first.call("getnettotals", json!([]))["totalbytesrecv"].as_u64() > Some(0));
    first.call("setban", json!([peer["peerid"], "add", 1000]));
    cairn_tests::patience::wait_until("the banned one is gone", || first.node.peers() == 0);
    assert_eq!(first.call("listbanned", json!([]))[0]["ban_duration"], json!(1000));
    assert_eq!(first.refused("setban", json!([peer["peerid"], "add"])).0, -23);
    first.call("setban", json!([peer["peerid"], "remove"]));
    assert_eq!(first.call("listbanned", json!([])), json!([]));
    first.call("addnode", json!([second.peer_address(), "add"]));
    assert_eq!(first.refused("addnode", json!([second.peer_address(), "add"])).0, -23);
    cairn_tests::patience::wait_until("the two meet again", || first.node.peers() == 1);
    first.call("addnode", json!([second.peer_address(), "remove"]));
    assert_eq!(first.refused("addnode", json!([second.peer_address(), "remove"])).0, -24);
    assert_eq!(first.refused("disconnectnode", json!(["8.8.8.8:1"])).0, -29);
    first.call("setnetworkactive", json!([false]));
    cairn_tests::patience::wait_until("the network is off", || first.node.peers() == 0);
}

#[test]
fn a_wrong_call_gets_bitcoin_cores_code() {
    let world = World::new();
    let zeros = "00".repeat(32);
    for (method, params, code) in [
        ("getblockhash", json!([-1]), -8),
        ("getblockhash", json!(["0"]), -3),
        ("getblockhash", json!([]), -1),
        ("getblockhash", json!([1, 2]), -1),
        ("getblockhash", json!({"hight": 0}), -8),
        ("getblock", json!(["ab"]), -8),
        ("getblock", json!([zeros]), -5),
        ("getblockheader", json!(["é".repeat(32)]), -8),
        ("getrawtransaction", json!([zeros]), -5),
        ("getrawtransaction", json!([zeros, 1, zeros]), -5),
        ("gettxoutproof", json!([[]]), -8),
        ("gettxoutproof", json!([[zeros]]), -5),
        ("verifytxoutproof", json!(["00"]), -22),
        ("decoderawtransaction", json!(["zz"]), -22),
        ("sendrawtransaction", json!(["00"]), -22),
        ("testmempoolaccept", json!([[]]), -8),
        ("getmempoolentry", json!([zeros]), -5),
        ("estimatesmartfee", json!([0]), -8),
        ("generatetoaddress", json!([1, "nobody"]), -5),
        ("scantxoutset", json!(["start"]), -1),
        ("scantxoutset", json!(["start", ["addr(x)"]]), -5),
        ("setban", json!(["nobody", "add"]), -30),
        ("invalidateblock", json!(["ab"]), -8),
        ("reconsiderblock", json!([]), -1),
        ("preciousblock", json!([1]), -3),
        ("setblockedpeers", json!([["x"]]), -8),
        ("gettxoutsetinfo", json!(["muhash"]), -8),
        ("waitfornewblock", json!([-1]), -1),
        ("nosuchmethod", json!([]), -32601),
    ] {
        let (found, message) = world.refused(method, params.clone());
        assert_eq!(found, code, "{method} {params}: {message}");
        assert!(!message.is_empty(), "{method} {params}");
    }
}
