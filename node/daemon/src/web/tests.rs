//! The server over real sockets, with a node that is still loading: everything but the chain.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

mod crowd;
mod pages;

pub struct Server {
    address: SocketAddr,
    secret: String,
    stop: CancellationToken,
    _directory: tempfile::TempDir,
}

impl Server {
    async fn start() -> Self {
        Self::of(Rpc::loading(Vec::new()), "127.0.0.1:0").await
    }

    async fn of(rpc: Rpc, address: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let cookie = Cookie::create(&directory.path().join(".cookie")).expect("a cookie");
        let secret = std::fs::read_to_string(cookie.path()).expect("the cookie");
        let listener = TcpListener::bind(address).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let stop = CancellationToken::new();
        let settings = Settings { cookie, allowed_hosts: Vec::new(), stop: stop.clone() };
        tokio::spawn(serve(listener, rpc, settings));
        Self { address, secret, stop, _directory: directory }
    }

    /// Status, head and body of the answer to a request that closes its connection.
    async fn send(&self, line: &str, headers: &[(&str, &str)], body: &str) -> (u16, String, String) {
        let mut text = format!("{line} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "Host") {
            text += &format!("Host: {}\r\n", self.address);
        }
        headers.iter().for_each(|(name, value)| text += &format!("{name}: {value}\r\n"));
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        let _ = stream.write_all(format!("{text}\r\n{body}").as_bytes()).await;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        let answer = String::from_utf8(answer).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head[9..12].parse().expect("a status");
        (status, head.to_lowercase(), body.to_owned())
    }

    fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(&self.secret))
    }

    async fn post(&self, body: &str) -> (u16, Value) {
        let (status, _, body) = self.send("POST /", &[("Authorization", &self.basic())], body).await;
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }
}

#[tokio::test]
async fn without_the_cookie_calls_are_rejected() {
    let server = Server::start().await;
    for path in ["POST /", "GET /events"] {
        let (status, head, _) = server.send(path, &[], "{}").await;
        assert_eq!(status, 401, "{path}");
        assert!(head.contains("www-authenticate: basic realm=\"jsonrpc\""), "{head}");
        let (status, ..) = server.send(path, &[("Authorization", "Basic bm86bm8=")], "{}").await;
        assert_eq!(status, 401, "{path}");
    }
}

#[tokio::test]
async fn a_foreign_host_or_origin_is_rejected_before_the_secret_is_checked() {
    let server = Server::start().await;
    let basic = server.basic();
    let paths = ["POST /", "GET /events", "GET /metrics", "GET /health", "GET /v1/view", "GET /v1/events"];
    for path in paths.into_iter().chain(["GET /v1/ask/0/uptime"]) {
        let rebound = [("Host", "evil.example"), ("Authorization", basic.as_str())];
        assert_eq!(server.send(path, &rebound, "{}").await.0, 403, "{path}");
        let forged = [("Origin", "http://evil.example"), ("Authorization", basic.as_str())];
        assert_eq!(server.send(path, &forged, "{}").await.0, 403, "{path}");
    }
}

/// On its own machine what a node shows is no secret; other machines need the cookie.
#[tokio::test]
async fn pages_read_without_the_cookie_on_this_machine_alone() {
    let server = Server::start().await;
    assert_eq!(server.send("GET /v1/ask/0/uptime", &[], "").await.0, 200);
    assert_eq!(server.send("GET /v1/view", &[], "").await.0, 503, "the node is still loading");
    let open = Server::of(Rpc::loading(Vec::new()), "0.0.0.0:0").await;
    let basic = open.basic();
    for path in ["GET /v1/ask/0/uptime", "GET /v1/view", "GET /v1/events", "GET /metrics"] {
        assert_eq!(open.send(path, &[], "").await.0, 401, "{path}");
    }
    assert_eq!(open.send("GET /v1/ask/0/uptime", &[("Authorization", &basic)], "").await.0, 200);
    assert_eq!(server.send("POST /v1/ask/0/uptime", &[], "").await.0, 405);
}

/// Whatever is wrong with a request of any path, the error has one form and our words.
#[tokio::test]
async fn every_error_of_a_path_is_json_that_names_what_was_found_and_expected() {
    let server = Server::start().await;
    let last_id = ("Last-Event-ID", "x");
    let foreign = ("Origin", "http://evil.example");
    let none = ("Accept", "*/*");
    for (line, header, status, found) in [
        ("GET /v1/events?from=x", none, 400, Some("from=x")),
        ("GET /v1/events?from=-1", none, 400, Some("from=-1")),
        ("GET /v1/events?from=1&from=2", none, 400, Some("from=1&from=2")),
        ("GET /v1/events?from=99999999999999999999", none, 400, Some("from=99999999999999999999")),
        ("GET /v1/events", last_id, 400, Some("x")),
        ("GET /v1/ask/0/uptime?params=[", none, 400, Some("[")),
        ("GET /v1/ask/0/uptime?params={}", none, 400, Some("{}")),
        ("GET /v1/ask/0/uptime?params=[1]&params=[2]", none, 400, Some("params=[1]&params=[2]")),
        ("GET /v1/ask/1/uptime", none, 404, None),
        ("GET /v1/ask/0/nothing", none, 404, None),
        ("GET /nothing", none, 404, None),
        ("PUT /v1/view", none, 405, None),
        ("GET /events", none, 401, None),
        ("GET /v1/view", foreign, 403, None),
        ("GET /v1/view", none, 503, None),
    ] {
        let (found_status, head, body) = server.send(line, &[header], "").await;
        assert_eq!(found_status, status, "{line}: {body}");
        assert!(head.contains("content-type: application/json"), "{line}: {head}");
        let error = serde_json::from_str::<Value>(&body).expect("JSON")["error"].clone();
        let message = error["message"].as_str().expect("a sentence");
        assert!(error["code"].is_i64(), "{line}: {body}");
        for word in ["deserialize", "invalid digit", "EOF", "at line", "duplicate field"] {
            assert!(!message.contains(word), "{line}: {message}");
        }
        if let Some(found) = found {
            assert_eq!(error["data"]["found"], found, "{line}");
            let expected = error["data"]["expected"].as_str().expect("text");
            assert!(message.contains(expected) && message.contains("expected"), "{line}: {message}");
        }
    }
}

#[tokio::test]
async fn the_page_is_for_who_gets_and_calls_are_for_who_posts() {
    let server = Server::start().await;
    let (status, head, body) = server.send("GET /", &[], "").await;
    assert!(status == 200 && body.starts_with("<!doctype html>"), "{status} {body}");
    assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
    assert_eq!(server.send("PUT /", &[], "").await.0, 405);
    assert_eq!(server.send("GET /nothing", &[], "").await.0, 404);
}

#[tokio::test]
async fn http_status_and_envelope_follow_bitcoin_core() {
    let server = Server::start().await;
    let (status, answer) = server.post(r#"{"version":"1.1","method":"uptime","params":[],"id":1}"#).await;
    assert_eq!((status, &answer["error"], &answer["id"]), (200, &Value::Null, &1.into()));
    let (status, answer) = server.post(r#"{"method":"nothing","id":1}"#).await;
    assert_eq!((status, &answer["error"]["code"]), (404, &(-32601).into()));
    let (status, answer) = server.post(r#"{"jsonrpc":"2.0","method":"nothing","id":1}"#).await;
    assert_eq!((status, &answer["error"]["code"]), (200, &(-32601).into()));
    let (status, answer) = server.post("this is bad").await;
    assert_eq!((status, &answer["error"]["code"], &answer["id"]), (500, &(-32700).into(), &Value::Null));
    let (status, answer) = server.post(r#"{"id":1}"#).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &(-32600).into()));
    let (status, answer) = server.post(r#"{"jsonrpc":"2.0","method":"uptime"}"#).await;
    assert_eq!((status, answer), (204, Value::Null));
}

#[tokio::test]
async fn a_mixed_batch_answers_each_in_its_own_version_and_notifications_not_at_all() {
    let server = Server::start().await;
    let batch = r#"[{"method":"uptime","id":1}, {"jsonrpc":"2.0","method":"uptime"},
                    {"jsonrpc":"2.0","method":"nothing","id":2}, 7]"#;
    let (status, answers) = server.post(batch).await;
    assert_eq!(status, 200);
    assert_eq!(answers.as_array().expect("a list").len(), 3);
    assert_eq!(answers[0]["error"], Value::Null);
    assert_eq!(answers[1]["error"]["code"], -32601);
    assert!(answers[1].get("result").is_none());
    assert_eq!(answers[2]["error"]["code"], -32600);
    assert_eq!(server.post("[]").await, (200, serde_json::json!([])));
    assert_eq!(server.post(r#"[{"jsonrpc":"2.0","method":"uptime"}]"#).await, (204, Value::Null));
}

#[tokio::test]
async fn a_loading_node_says_so_with_the_code_that_clients_wait_on() {
    let server = Server::start().await;
    let (status, answer) = server.post(r#"{"method":"getblockcount","id":1}"#).await;
    assert_eq!((status, &answer["error"]["code"]), (500, &(-28).into()));
    assert_eq!(server.send("GET /health", &[], "").await.0, 503);
}

#[tokio::test]
async fn a_wrong_number_of_arguments_is_answered_with_the_help_text() {
    let server = Server::start().await;
    let (_, answer) = server.post(r#"{"method":"getblockhash","id":1}"#).await;
    assert_eq!(answer["error"]["code"], -1);
    assert!(answer["error"]["message"].as_str().expect("text").starts_with("getblockhash height\n"));
}

#[tokio::test]
async fn a_body_above_the_limit_is_rejected_unread() {
    let server = Server::start().await;
    let basic = server.basic();
    let headers = [("Authorization", basic.as_str()), ("Expect", "100-continue")];
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    let mut head =
        format!("POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n", server.address, MAX_BODY + 1);
    headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    stream.write_all(format!("{head}\r\n").as_bytes()).await.expect("sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn callers_who_never_finish_do_not_hold_up_others() {
    let server = Server::start().await;
    let mut held = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        stream.write_all(b"POST / HTTP/1.1\r\nHost: 127").await.expect("sent");
        held.push(stream);
    }
    let answer = tokio::time::timeout(Duration::from_secs(5), server.post(r#"{"method":"uptime","id":1}"#));
    assert_eq!(answer.await.expect("in time").0, 200);
}

#[tokio::test]
async fn a_stop_ends_every_stream_and_removes_the_cookie() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    let head = format!(
        "GET /events HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n\r\n",
        server.address,
        server.basic()
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut first = [0; 15];
    stream.read_exact(&mut first).await.expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    server.stop.cancel();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest));
    ended.await.expect("in time").expect("a clean end");
    let cookie = server._directory.path().join(".cookie");
    let gone = async {
        while cookie.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("the cookie is removed");
}
