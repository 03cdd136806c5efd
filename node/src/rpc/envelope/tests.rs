use serde_json::json as value;

use super::*;

fn open(request: Value) -> (Envelope, Result<Call, RpcError>) {
    Envelope::open(request)
}

fn sealed(request: Value, outcome: RpcResult) -> String {
    open(request).0.seal(outcome).get().to_owned()
}

fn failure() -> RpcResult {
    Err(RpcError::new(Code::InvalidParameter, "no"))
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
    let of = |code| Err(RpcError::new(code, ""));
    assert_eq!(two.status(&of(Code::MethodNotFound)), 200);
    assert_eq!(one.status(&of(Code::MethodNotFound)), 404);
    assert_eq!(one.status(&of(Code::InvalidRequest)), 400);
    assert_eq!(one.status(&of(Code::InvalidParameter)), 500);
    assert_eq!(one.status(&Ok(json(&1))), 200);
    assert_eq!(open(value!({"jsonrpc": "2.0", "method": "m"})).0.status(&failure()), 204);
}

fn refusal(request: Value) -> (i32, String) {
    let error = open(request).1.expect_err("this is no request");
    (error.code as i32, error.message)
}

#[test]
fn what_is_no_request_is_refused_as_bitcoin_core_does() {
    let said = |text: &str| (-32600, text.to_owned());
    assert_eq!(refusal(value!(1)), said("Invalid Request object"));
    assert_eq!(refusal(value!({"id": 1})), said("Missing method"));
    assert_eq!(refusal(value!({"method": 7})), said("Method must be a string"));
    assert_eq!(refusal(value!({"method": "m", "params": 7})), said("Params must be an array or object"));
    assert_eq!(refusal(value!({"method": "m", "jsonrpc": 2.0})), said("jsonrpc field must be a string"));
    assert_eq!(refusal(value!({"method": "m", "jsonrpc": "2.1"})), said("JSON-RPC version not supported"));
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
