use proptest::prelude::*;
use serde_json::json as value;

use super::*;

fn open(request: Value) -> (Envelope, Result<Call, RpcError>) {
    Envelope::open(request)
}

fn sealed(request: Value, outcome: RpcResult) -> String {
    open(request).0.seal(outcome).get().to_owned()
}

fn failure() -> RpcResult {
    Err(Code::InvalidParameter.error("no"))
}

#[test]
fn a_legacy_answer_holds_result_and_error_both() {
    let request = value!({"version": "1.1", "method": "uptime", "params": [], "id": 1});
    assert_eq!(sealed(request.clone(), Ok(json(&7))), r#"{"result":7,"error":null,"id":1}"#);
    let failed = r#"{"result":null,"error":{"code":-8,"message":"no"},"id":1}"#;
    assert_eq!(sealed(request, failure()), failed);
}

#[test]
fn a_2_0_answer_holds_one_of_them() {
    let request = value!({"jsonrpc": "2.0", "method": "uptime", "id": "a"});
    assert_eq!(sealed(request.clone(), Ok(json(&7))), r#"{"jsonrpc":"2.0","result":7,"id":"a"}"#);
    let failed = r#"{"jsonrpc":"2.0","error":{"code":-8,"message":"no"},"id":"a"}"#;
    assert_eq!(sealed(request, failure()), failed);
}

#[test]
fn only_a_2_0_request_without_id_is_a_notification() {
    assert!(open(value!({"jsonrpc": "2.0", "method": "uptime"})).0.is_notification());
    assert!(!open(value!({"jsonrpc": "2.0", "method": "uptime", "id": null})).0.is_notification());
    assert!(!open(value!({"method": "uptime"})).0.is_notification());
}

#[test]
fn http_status_follows_the_version() {
    let two = open(value!({"jsonrpc": "2.0", "method": "m", "id": 1})).0;
    let one = open(value!({"method": "m", "id": 1})).0;
    let of = |code: Code| Err(code.error(""));
    assert_eq!(two.status(&of(Code::MethodNotFound)), 200);
    assert_eq!(one.status(&of(Code::MethodNotFound)), 404);
    assert_eq!(one.status(&of(Code::InvalidRequest)), 400);
    assert_eq!(one.status(&of(Code::InvalidParameter)), 500);
    assert_eq!(one.status(&Ok(json(&1))), 200);
    assert_eq!(open(value!({"jsonrpc": "2.0", "method": "m"})).0.status(&failure()), 204);
}

fn rejection(request: Value) -> (i32, String) {
    let error = open(request).1.expect_err("this is no request");
    (error.code as i32, error.message)
}

#[test]
fn what_is_no_request_is_refused_as_bitcoin_core_does() {
    let said = |text: &str| (-32600, text.to_owned());
    assert_eq!(rejection(value!(1)), said("Invalid Request object"));
    assert_eq!(rejection(value!({"id": 1})), said("Missing method"));
    assert_eq!(rejection(value!({"method": 7})), said("Method must be a string"));
    assert_eq!(rejection(value!({"method": "m", "params": 7})), said("Params must be an array or object"));
    assert_eq!(rejection(value!({"method": "m", "jsonrpc": 2.0})), said("jsonrpc field must be a string"));
    assert_eq!(rejection(value!({"method": "m", "jsonrpc": "2.1"})), said("JSON-RPC version not supported"));
}

#[test]
fn an_unusable_request_keeps_its_id() {
    assert_eq!(open(value!({"id": "x"})).0.id, Some(value!("x")));
}

#[test]
fn a_body_that_is_no_json_or_no_container_is_a_parse_error() {
    for body in ["", "this is bad", "{", "1", "\"text\"", "null"] {
        assert_eq!(Body::parse(body.as_bytes()).expect_err(body).code, Code::Parse, "{body}");
    }
    assert_eq!(Body::parse(b"\xff\xfe{}").expect_err("not UTF-8").code, Code::Parse);
}

#[test]
fn deep_nesting_is_a_parse_error_and_costs_no_stack() {
    let deep = "[".repeat(1_000_000);
    assert_eq!(Body::parse(deep.as_bytes()).expect_err("too deep").code, Code::Parse);
    let deep = format!("{{\"method\":\"m\",\"params\":{}{}}}", "[".repeat(200), "]".repeat(200));
    assert_eq!(Body::parse(deep.as_bytes()).expect_err("too deep").code, Code::Parse);
}

/// Whatever JSON can say, with the names of a request among its keys.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        // Eighths: no digit is lost when they are written and read again.
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "1\\.0|1\\.1|2\\.0".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        let key = prop_oneof!["jsonrpc", "id", "method", "params", "args", ".{0,6}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(key, inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// ATTACKS 38: who sends a request with an id gets an answer with this id, whatever else it says.
    #[test]
    fn any_json_is_a_request_or_is_refused_and_keeps_its_id(request in any_json()) {
        let id = request.get("id").cloned();
        let is_object = request.is_object();
        let (envelope, _) = open(request);
        let answer: Value = serde_json::from_str(envelope.seal(failure()).get()).expect("an answer is JSON");
        let expected = if is_object { id } else { Some(Value::Null) };
        prop_assert_eq!(answer.get("id"), expected.as_ref());
        prop_assert!(answer.get("error").is_some());
    }

    #[test]
    fn any_bytes_are_a_body_or_a_parse_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = Body::parse(&bytes) {
            prop_assert_eq!(error.code, Code::Parse);
        }
    }
}
