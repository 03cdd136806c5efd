//! What the servers of the page answer to those who should not ask.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::ground::resting;

/// An answer: its status, and all of it as text.
struct Answer {
    status: u16,
    text: String,
}

/// Sends a request as it is written here, and reads to the end of the answer.
#[track_caller]
fn ask(address: SocketAddr, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = format!("{line} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "Host") {
        request.push_str(&format!("Host: {address}\r\n"));
    }
    headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
    request.push_str(&format!("\r\n{body}"));
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit can be set");
    stream.write_all(request.as_bytes()).expect("the server reads");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the server answers and hangs up");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer { status: status.unwrap_or_else(|| panic!("no status: {text}")), text }
}

#[test]
fn no_other_site_and_nobody_without_the_token_steers_a_devnet() {
    let devnet = resting(21_560, 2);
    let control: SocketAddr = devnet.ready["control"].as_str().expect("an address").parse().expect("one");
    let node: SocketAddr =
        devnet.ready["nodes"][0]["rpc"].as_str().expect("an address").parse().expect("one");
    let page = devnet.ready["page"].as_str().expect("an address");
    let token = page.split_once("#token=").expect("a token").1;

    for server in [control, node] {
        let own = format!("http://{server}");
        for path in ["/", "/assets/app.js", "/v1/view", "/v1/ask/0/getblockcount"] {
            let get = format!("GET {path}");
            assert_eq!(ask(server, &get, &[], "").status, 200, "{path}");
            assert_eq!(ask(server, &get, &[("Origin", &own)], "").status, 200, "{path}");
            assert_eq!(ask(server, &get, &[("Host", "evil.example")], "").status, 403, "{path}");
            assert_eq!(ask(server, &get, &[("Origin", "http://evil.example")], "").status, 403, "{path}");
            assert_eq!(ask(server, &get, &[("Origin", "null")], "").status, 403, "{path}");
        }
        let policy = ask(server, "GET /", &[], "").text.to_lowercase();
        for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(rule), "{rule}: {policy}");
        }
        for method in
            ["stop", "sendrawtransaction", "generatetoaddress", "setmining", "invalidateblock", "setban"]
        {
            let refused = ask(server, &format!("GET /v1/ask/0/{method}?params=%5B%5D"), &[], "");
            assert!(matches!(refused.status, 400..=404), "{method}: {}", refused.text);
        }
    }

    let bearer = format!("Bearer {token}");
    let cut = r#"{"groups":"0 / 1"}"#;
    for step in ["partition", "heal", "kill", "mine", "fork", "faucet", "play", "player/stop"] {
        let post = format!("POST /v1/{step}");
        assert_eq!(ask(control, &post, &[], cut).status, 403, "{step}");
        assert_eq!(ask(control, &post, &[("Authorization", "Bearer 00")], cut).status, 403, "{step}");
        let foreign = [("Authorization", bearer.as_str()), ("Origin", "http://evil.example")];
        assert_eq!(ask(control, &post, &foreign, cut).status, 403, "{step}");
    }
    assert_eq!(devnet.net(&["status"])["groups"], "0,1", "nothing was cut");
    assert_eq!(ask(node, "POST /", &[], r#"{"method":"stop","params":[],"id":1}"#).status, 401);
    let cut = ask(control, "POST /v1/partition", &[("Authorization", &bearer)], cut);
    assert_eq!(cut.status, 200, "{}", cut.text);
    assert_eq!(devnet.net(&["status"])["groups"], "0 / 1");
}
