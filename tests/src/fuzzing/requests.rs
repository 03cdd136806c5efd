//! JSON-RPC: every body is answered with JSON, and every method's arguments are bound or refused.

use cairn_core::amount::Amount;
use cairn_core::hash::Txid;
use cairn_daemon::rpc::envelope::{Arguments, Body, Call, Envelope};
use cairn_daemon::rpc::error::RpcError;
use cairn_daemon::rpc::json::json;
use cairn_daemon::rpc::params::{Params, Verbosity};
use cairn_daemon::rpc::table;
use serde_json::Value;

/// Every body is answered: each request in it with JSON that bears its id.
///
/// # Panics
/// When it does not hold.
pub fn request(bytes: &[u8]) {
    let requests = match Body::parse(bytes) {
        Ok(Body::Single(request)) => vec![request],
        Ok(Body::Batch(requests)) => requests,
        Err(error) => return sealed(&Envelope::UNREADABLE, Err(error)),
    };
    for request in requests {
        let (envelope, call) = Envelope::open(request);
        match call {
            Ok(call) => bound(&envelope, call),
            Err(error) => sealed(&envelope, Err(error)),
        }
    }
}

/// The arguments are tried on the method that was named, or else on all of them.
fn bound(envelope: &Envelope, Call { method, params }: Call) {
    let named = table::find(&method);
    for method in table::all().filter(|method| named.is_none_or(|named| named.name == method.name)) {
        let arguments = match &params {
            Arguments::Positional(values) => Arguments::Positional(values.clone()),
            Arguments::Named(values) => Arguments::Named(values.clone()),
        };
        match Params::bind(method.args, arguments, || method.wrong_number_of_arguments()) {
            Ok(params) => {
                for (index, arg) in method.args.iter().enumerate() {
                    let is_there = params.read::<Option<Value>>(index).is_ok_and(|value| value.is_some());
                    assert!(!arg.is_required || is_there, "{} without {}", method.name, arg.names);
                    let _ = (
                        params.read::<u32>(index),
                        params.read::<Amount>(index),
                        params.read::<Txid>(index),
                        params.read::<Verbosity>(index),
                    );
                }
                sealed(envelope, Ok(method.name));
            }
            Err(error) => sealed(envelope, Err(error)),
        }
    }
}

fn sealed(envelope: &Envelope, outcome: Result<&str, RpcError>) {
    let answer = envelope.seal(outcome.map(json));
    let answer: Value = serde_json::from_str(answer.get()).expect("an answer is JSON");
    assert_eq!(answer.get("id"), envelope.id.as_ref());
}
