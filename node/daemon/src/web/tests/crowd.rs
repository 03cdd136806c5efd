//! More connections than there are places, of every kind that needs no secret: callers that have it get through.

use tokio::io::AsyncBufReadExt;

use super::*;
use crate::web::ask::MAX_FREE_QUESTIONS;

/// More than there are places.
const CROWD: usize = 300;
/// Answers come at once; only a server that lets its caller wait for others takes longer.
const SOON: Duration = Duration::from_secs(5);

impl Server {
    async fn connect(&self, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        // One that has to give way may be closed before it has written this.
        let _ = stream.write_all(head.as_bytes()).await;
        stream
    }

    fn head(&self, line: &str, rest: &str) -> String {
        format!("{line} HTTP/1.1\r\nHost: {}\r\n{rest}\r\n", self.address)
    }

    /// A caller with the secret gets through while all these are held, and so does a page.
    async fn is_reached_beside(&self, what: &str, held: &[TcpStream]) {
        assert_eq!(held.len(), CROWD);
        for _ in 0..3 {
            let call = self.post(r#"{"method":"uptime","id":1}"#);
            let answer = tokio::time::timeout(SOON, call).await;
            assert_eq!(answer.unwrap_or_else(|_| panic!("{what}: the owner is shut out")).0, 200);
            let question = self.send("GET /v1/ask/0/uptime", &[], "");
            let answer = tokio::time::timeout(SOON, question).await;
            assert_eq!(answer.unwrap_or_else(|_| panic!("{what}: a page is shut out")).0, 200);
        }
    }
}

/// The status of an answer and its headers.
async fn read_head(stream: &mut TcpStream) -> (String, String) {
    let mut reader = tokio::io::BufReader::new(stream);
    let (mut status, mut headers) = (String::new(), String::new());
    reader.read_line(&mut status).await.expect("an answer");
    while !headers.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut headers).await.expect("a head"), 0);
    }
    (status, headers.to_lowercase())
}

#[tokio::test]
async fn connections_that_say_nothing_or_never_finish_shut_no_caller_out() {
    let server = Server::start().await;
    let slow_body = server.head("POST /", "Content-Length: 100\r\n") + "{";
    let wrong = server.head("POST /", "Authorization: Basic bm86bm8=\r\nContent-Length: 9\r\n");
    for (what, head) in
        [("idle", ""), ("slow head", "GET / HTT"), ("slow body", &slow_body), ("wrong", &wrong)]
    {
        let mut held = Vec::new();
        for _ in 0..CROWD {
            held.push(server.connect(head).await);
        }
        server.is_reached_beside(what, &held).await;
    }
}

#[tokio::test]
async fn connections_that_are_kept_after_an_answer_shut_no_caller_out() {
    let server = Server::start().await;
    let mut held = Vec::new();
    for _ in 0..CROWD {
        let mut stream = server.connect(&server.head("GET /v1/ask/0/uptime", "")).await;
        assert!(read_head(&mut stream).await.0.starts_with("HTTP/1.1 200"));
        held.push(stream);
    }
    server.is_reached_beside("kept", &held).await;
}

#[tokio::test]
async fn followers_without_the_secret_are_limited_and_one_more_gets_the_time_of_its_retry() {
    let server = Server::start().await;
    let (mut held, mut admitted) = (Vec::new(), 0);
    // Fewer than there are places: of more, the first would make room for the last.
    for _ in 0..CROWD / 2 {
        let mut stream = server.connect(&server.head("GET /v1/events", "")).await;
        let (status, headers) = read_head(&mut stream).await;
        match status.starts_with("HTTP/1.1 200") {
            true => admitted += 1,
            false => assert!(
                status.starts_with("HTTP/1.1 503") && headers.contains("retry-after: 5"),
                "{status} {headers}"
            ),
        }
        held.push(stream);
    }
    assert_eq!(admitted, 64);
    while held.len() < CROWD {
        held.push(server.connect(&server.head("GET /v1/events", "")).await);
    }
    server.is_reached_beside("followers", &held).await;
    let known = server.head("GET /events", &format!("Authorization: {}\r\n", server.basic()));
    let mut known = server.connect(&known).await;
    assert!(read_head(&mut known).await.0.starts_with("HTTP/1.1 200"), "the owner follows, too");
    drop(held);
    let again = async {
        while !read_head(&mut server.connect(&server.head("GET /v1/events", "")).await)
            .await
            .0
            .contains(" 200")
        {}
    };
    tokio::time::timeout(SOON, again).await.expect("a place that is given back is free");
}

/// A connection that has shown the secret stays, however many come after it.
#[tokio::test]
async fn a_connection_with_the_secret_keeps_its_place() {
    let server = Server::start().await;
    let known = server.head("GET /v1/ask/0/uptime", &format!("Authorization: {}\r\n", server.basic()));
    let mut owner = server.connect(&known).await;
    assert!(read_head(&mut owner).await.0.contains(" 200"));
    let mut held = Vec::new();
    for _ in 0..CROWD {
        held.push(server.connect("").await);
    }
    server.is_reached_beside("idle", &held).await;
    owner.write_all(known.as_bytes()).await.expect("it is still open");
    assert!(read_head(&mut owner).await.0.contains(" 200"));
}

/// What every page of this server carries, its metrics, health and errors carry as well.
#[tokio::test]
async fn every_answer_is_for_this_server_alone() {
    let server = Server::start().await;
    let paths = ["GET /", "GET /metrics", "GET /health", "GET /v1/view", "GET /nothing", "POST /", "PUT /"];
    for path in paths.into_iter().chain(["GET /assets/nothing", "GET /v1/ask/0/uptime"]) {
        let (_, head, _) = server.send(path, &[], "").await;
        for header in [
            "x-content-type-options: nosniff",
            "cross-origin-resource-policy: same-origin",
            "referrer-policy: no-referrer",
            "frame-ancestors 'none'",
        ] {
            assert!(head.contains(header), "{path}: {header} is missing in {head}");
        }
    }
    let (status, head, _) = server.send("GET /health", &[("Host", "evil.example")], "").await;
    assert!(status == 403 && head.contains("nosniff"), "{head}");
}

/// However many strangers ask, few of their questions wait for the node's time, and its owner's are no
/// longer in line than behind those.
#[tokio::test(flavor = "multi_thread")]
async fn few_questions_without_the_secret_are_looked_into_at_once() {
    let (rpc, site) = pages::Site::with_rpc().await;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let handle = site.handle.clone();
    let blocked = tokio::spawn(async move { handle.query(move |_| held.recv().is_ok()).await });
    let mut asking = Vec::new();
    for path in ["/v1/ask/0/getrawmempool?params=[true]", "/v1/view", "/metrics"] {
        for _ in 0..20 {
            asking.push(site.server.connect(&site.server.head(&format!("GET {path}"), "")).await);
        }
    }
    let calls = |rpc: &Rpc| rpc.running().len();
    let reached = async {
        while calls(&rpc) < MAX_FREE_QUESTIONS {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, reached).await.expect("some are looked into");
    for _ in 0..50 {
        let (status, answer) = site.server.post(r#"{"method":"getrpcinfo","id":1}"#).await;
        let active = answer["result"]["active_commands"].as_array().expect("a list").len();
        assert!(status == 200 && active == MAX_FREE_QUESTIONS + 1, "{active} calls at once");
    }
    release.send(()).expect("the driver waits");
    assert_eq!(blocked.await.expect("no panic"), Ok(true));
    for mut stream in asking {
        assert!(read_head(&mut stream).await.0.contains(" 200"), "each is answered in the end");
    }
}
