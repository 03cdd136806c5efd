use std::os::unix::fs::PermissionsExt;

use axum::http::HeaderValue;

use super::*;

fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name, HeaderValue::from_str(value).expect("a header value"));
    }
    headers
}

fn cookie() -> (tempfile::TempDir, Cookie) {
    let directory = tempfile::tempdir().expect("a directory");
    let cookie = Cookie::create(&directory.path().join(".cookie")).expect("a cookie");
    (directory, cookie)
}

fn basic(secret: &str) -> HeaderMap {
    headers(&[(AUTHORIZATION, &format!("Basic {}", STANDARD.encode(secret)))])
}

fn gate() -> Gate {
    Gate::new("127.0.0.1:18443".parse().expect("an address"), vec!["node.example".to_owned()])
}

fn host(value: &str) -> Result<(), GateError> {
    gate().check(&headers(&[(HOST, value)]))
}

fn origin(host: &str, origin: &str) -> Result<(), GateError> {
    gate().check(&headers(&[(HOST, host), (ORIGIN, origin)]))
}

#[test]
fn the_cookie_file_is_readable_by_its_owner_only() {
    let (_directory, cookie) = cookie();
    let mode = fs::metadata(cookie.path()).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_to_string(cookie.path()).expect("text"), cookie.secret);
}

#[test]
fn the_cookie_of_an_earlier_run_is_replaced_and_no_longer_admits() {
    let (directory, first) = cookie();
    let second = Cookie::create(&directory.path().join(".cookie")).expect("a cookie");
    assert!(!second.admits(&basic(&first.secret)));
    assert!(second.admits(&basic(&second.secret)));
}

#[test]
fn a_clean_stop_removes_its_own_cookie_and_no_other() {
    let (_directory, first) = cookie();
    let second = Cookie::create(first.path()).expect("a cookie");
    first.remove();
    assert!(second.path().exists());
    second.remove();
    assert!(!second.path().exists());
}

#[test]
fn only_the_exact_secret_is_admitted() {
    let (_directory, cookie) = cookie();
    assert!(cookie.admits(&basic(&cookie.secret)));
    for wrong in ["", "__cookie__:", &cookie.secret[1..], &format!("{}0", cookie.secret)] {
        assert!(!cookie.admits(&basic(wrong)), "{wrong}");
    }
    assert!(!cookie.admits(&HeaderMap::new()));
    assert!(!cookie.admits(&headers(&[(AUTHORIZATION, "Basic %%%")])));
    let bearer = format!("Bearer {}", STANDARD.encode(&cookie.secret));
    assert!(!cookie.admits(&headers(&[(AUTHORIZATION, &bearer)])));
}

#[test]
fn two_authorization_headers_are_none() {
    let (_directory, cookie) = cookie();
    let good = format!("Basic {}", STANDARD.encode(&cookie.secret));
    assert!(!cookie.admits(&headers(&[(AUTHORIZATION, &good), (AUTHORIZATION, &good)])));
}

#[test]
fn loopback_addresses_and_localhost_are_this_node() {
    for ours in [
        "127.0.0.1",
        "127.0.0.1:18443",
        "localhost:1",
        "LOCALHOST",
        "[::1]:18443",
        "[::1]",
        "node.example:80",
    ] {
        assert_eq!(host(ours), Ok(()), "{ours}");
    }
    assert_eq!(gate().check(&HeaderMap::new()), Ok(()));
}

#[test]
fn a_foreign_host_is_rejected_as_dns_rebinding() {
    for foreign in
        ["evil.example", "evil.example:18443", "93.184.216.34", "localhost.evil.example", "", "[", ":"]
    {
        assert_eq!(host(foreign), Err(GateError::ForeignHost { found: foreign.to_owned() }));
    }
    let two = headers(&[(HOST, "localhost"), (HOST, "localhost")]);
    assert!(gate().check(&two).is_err());
}

#[test]
fn a_page_from_elsewhere_is_rejected() {
    assert_eq!(origin("127.0.0.1:18443", "http://127.0.0.1:18443"), Ok(()));
    for foreign in [
        "http://evil.example",
        "null",
        "http://127.0.0.1:3000",
        "http://127.0.0.1",
        "https://127.0.0.1:18443",
        "",
    ] {
        let expected = "http://127.0.0.1:18443".to_owned();
        let rejected = Err(GateError::ForeignOrigin { found: foreign.to_owned(), expected });
        assert_eq!(origin("127.0.0.1:18443", foreign), rejected);
    }
}

/// HOSTILE: an image or a script of another page is requested without an `Origin`.
#[test]
fn what_another_page_embeds_is_rejected_without_an_origin_too() {
    let fetched = |pairs: &[(&'static str, &str)]| {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), *value));
        gate().check(&headers(&pairs.collect::<Vec<_>>()))
    };
    assert_eq!(fetched(&[("sec-fetch-site", "same-origin")]), Ok(()));
    assert_eq!(fetched(&[("sec-fetch-site", "none")]), Ok(()));
    for site in ["cross-site", "same-site", ""] {
        let rejected = Err(GateError::ForeignPage { found: site.to_owned() });
        assert_eq!(fetched(&[("sec-fetch-site", site)]), rejected);
        let embedded =
            [("sec-fetch-site", site), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
        assert_eq!(fetched(&embedded), rejected);
        let image = [("sec-fetch-site", site), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "document")];
        assert_eq!(fetched(&image), rejected);
    }
    let link =
        [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    assert_eq!(fetched(&link), Ok(()), "a person follows a link");
}

/// ATTACKS 38: the time to reject a wrong secret must not depend on how much of it is right.
#[test]
fn the_secret_is_compared_in_constant_time_and_in_one_place() {
    let source = include_str!("../auth.rs");
    assert_eq!(source.matches("ct_eq(self.secret.as_bytes())").count(), 1);
    let named = source.lines().filter(|line| line.contains("self.secret") && !line.contains("ct_eq"));
    // Beside that it is compared with our own file, when we remove it.
    assert_eq!(
        named.map(str::trim).collect::<Vec<_>>(),
        ["if fs::read_to_string(&self.path).is_ok_and(|found| found == self.secret) {"]
    );
}

#[test]
fn a_cookie_that_is_printed_does_not_show_its_secret() {
    let (_directory, cookie) = cookie();
    let secret = fs::read_to_string(cookie.path()).expect("readable");
    let (_, random) = secret.split_once(':').expect("user and secret");
    assert!(!format!("{cookie:?}").contains(random));
}
