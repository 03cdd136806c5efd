//! Whatever a caller sends harms nothing.

use cairn_core::address::{Address, AddressPrefix};
use cairn_core::lock::{Lock, PublicKey};
use cairn_tests::rpc::CallError;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::world::{World, text};

/// The hashes of the tip, of a block on a branch beside it, and of one that is called invalid.
fn hashes_of_every_kind(world: &World) -> Vec<Value> {
    let beside = json!(world.generate(2)[1]);
    world.call("invalidateblock", json!([beside]));
    // Paid to somebody else, the block of the same height is another.
    let prefix = AddressPrefix::new(text(&world.call("getblockchaininfo", json!([]))["addressprefix"]));
    let lock = Lock::PublicKey(PublicKey::from_bytes([9; 32]));
    let other = Address::new(&prefix.expect("a prefix"), lock).to_string();
    let branch = world.call("generatetoaddress", json!([3, other]));
    world.call("reconsiderblock", json!([beside]));
    world.call("invalidateblock", json!([branch[2]]));
    let tips = world.call("getchaintips", json!([]));
    let mut kinds: Vec<&str> =
        tips.as_array().expect("tips").iter().map(|tip| text(&tip["status"])).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["active", "invalid", "valid-headers"]);
    vec![branch[1].clone(), beside, branch[2].clone()]
}

/// Whatever JSON can say, some of it meaningful.
fn any_value(hashes: &[Value]) -> impl Strategy<Value = Value> + Clone + use<> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::sample::select(hashes.to_vec()),
        Just(json!("add")),
        Just(json!("start")),
        ".{0,70}".prop_map(Value::from),
        "[0-9a-f]{64}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn nothing_that_a_caller_sends_meets_a_fault_of_the_node() {
    let world = World::new();
    let help = world.call("help", json!([]));
    let names = text(&help).lines().filter(|line| !line.is_empty() && !line.starts_with("=="));
    let methods: Vec<String> = names.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    assert!(methods.len() > 50, "{}", methods.len());
    // These would stop what the test runs on, wait for ever, or mine for long.
    let left_out = ["stop", "waitfornewblock", "waitforblock", "waitforblockheight", "setnetworkactive"];
    let methods: Vec<String> =
        methods.into_iter().filter(|name| !left_out.contains(&name.as_str())).collect();
    let hashes = hashes_of_every_kind(&world);
    let value = any_value(&hashes);
    let call = (prop::sample::select(methods), prop::collection::vec(value, 0..5));
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&call, |(method, params)| {
        match world.node.try_call(&method, json!(params)) {
            Ok(_) => {}
            Err(CallError::Rejected { code, message, .. }) => {
                prop_assert!(code != -32603, "{} {:?}: {}", method, params, message);
            }
            Err(CallError::Unreachable(why) | CallError::Malformed(why)) => {
                prop_assert!(false, "{} {:?}: {}", method, params, why)
            }
        }
        Ok(())
    });
    outcome.expect("no call meets a fault");
    // Some call may have been an `invalidateblock` that hit.
    for hash in hashes {
        world.call("reconsiderblock", json!([hash]));
    }
    assert_eq!(world.call("getblockcount", json!([])).as_u64().map(|height| height >= 2), Some(true));
}

/// Those that the test above cannot call: they wait here for a moment at most, or are called wrongly.
#[test]
fn methods_that_wait_or_stop_meet_no_fault_either() {
    let world = World::new();
    let value = any_value(&hashes_of_every_kind(&world));
    let height = world.call("getblockcount", json!([]));
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&(value.clone(), value), |(one, other)| {
        for (method, params) in [
            ("waitfornewblock", json!([1, one])),
            ("waitforblock", json!([one, 1])),
            ("waitforblockheight", json!([one, 1])),
            ("setnetworkactive", json!([one])),
            ("stop", json!([one, other, one, other])),
        ] {
            match world.node.try_call(method, params.clone()) {
                Ok(_) => {}
                Err(CallError::Rejected { code, message, .. }) => {
                    prop_assert!(code != -32603, "{} {}: {}", method, params, message);
                }
                Err(CallError::Unreachable(why) | CallError::Malformed(why)) => {
                    prop_assert!(false, "{} {}: {}", method, params, why)
                }
            }
        }
        Ok(())
    });
    outcome.expect("no call meets a fault");
    assert_eq!(world.call("getblockcount", json!([])), height);
}
