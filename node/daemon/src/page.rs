//! The page: its files, which are part of the program, and the headers that protect it.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

/// The page may load from its own server alone, and may not be framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "../web/"]
struct Files;

/// Responds with the page itself.
pub async fn index() -> Response {
    file("index.html")
}

/// Responds with one of the page's files.
pub async fn asset(axum::extract::Path(name): axum::extract::Path<String>) -> Response {
    file(&name)
}

/// Browsers must revalidate each time: the files change with the program.
fn file(name: &str) -> Response {
    match Files::get(name) {
        Some(found) => {
            let headers = [(CONTENT_TYPE, kind(name)), (CACHE_CONTROL, "no-cache")];
            (headers, found.data).into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is no such file\n").into_response(),
    }
}

/// Adds the headers of every response: the server's own page may read it, and no page of another server may load it,
/// frame it or take it for something else.
pub fn for_this_server_alone(mut response: Response) -> Response {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_and_all_that_it_names_are_in_the_program_and_weigh_less_than_500_kb() {
        let index = Files::get("index.html").expect("the page");
        let index = std::str::from_utf8(&index.data).expect("text");
        let named = index.split('"').filter_map(|part| part.strip_prefix("assets/"));
        assert!(named.clone().next().is_some());
        named.for_each(|name| assert!(Files::get(name).is_some(), "{name}"));
        let weight: usize =
            Files::iter().filter_map(|name| Files::get(&name)).map(|file| file.data.len()).sum();
        assert!(weight < 500_000, "{weight}");
    }

    #[test]
    fn every_file_has_a_kind_that_browsers_accept() {
        for name in Files::iter() {
            let response = file(&name);
            assert_ne!(response.headers()[CONTENT_TYPE], "application/octet-stream", "{name}");
        }
        assert_eq!(file("../Cargo.toml").status(), StatusCode::NOT_FOUND);
    }
}
