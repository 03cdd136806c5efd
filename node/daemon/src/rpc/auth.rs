//! Authentication: a caller must know the secret of the cookie file, and no web page of another server gets in.

use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cairn_genesis::programs::files;
use subtle::ConstantTimeEq;

/// The user name of the cookie, the one that clients of Bitcoin Core expect.
const USER: &str = "__cookie__";

/// A fresh secret, in memory and in a file that only its owner can read.
pub struct Cookie {
    secret: String,
    path: PathBuf,
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookie").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Cookie {
    /// Makes a new secret and writes it, replacing the file of an earlier run in one step.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let secret = format!("{USER}:{}", hex::encode(random));
        files::replace(path, secret.as_bytes())?;
        Ok(Self { secret, path: path.to_owned() })
    }

    /// The path of its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file, at a clean stop; unless another run has replaced it meanwhile.
    pub fn remove(&self) {
        if fs::read_to_string(&self.path).is_ok_and(|found| found == self.secret) {
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Whether the request carries the secret (Basic authentication). Takes equally long for
    /// every wrong secret of the right length.
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(value) = only(headers, AUTHORIZATION) else { return false };
        let Some((scheme, encoded)) = value.split_once(' ') else { return false };
        let decoded = STANDARD.decode(encoded.trim()).unwrap_or_default();
        scheme.eq_ignore_ascii_case("basic") && bool::from(decoded.ct_eq(self.secret.as_bytes()))
    }
}

/// Checks by which name and from which page a request comes.
#[derive(Clone, Debug)]
pub struct Gate {
    listening: SocketAddr,
    names: Vec<String>,
}

/// Why a request is rejected before its password is checked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// DNS rebinding: the name of another server was made to point here.
    #[error(
        "Host {found:?} is not this server; use its address or localhost (a node takes other names with --rpc-allow-host)"
    )]
    ForeignHost { found: String },
    /// A web page of another server made this request.
    #[error("Origin {found:?} is not this server: expected {expected}")]
    ForeignOrigin { found: String, expected: String },
    /// The browser says that a page of another server made this request, as with an image or a script.
    #[error(
        "Sec-Fetch-Site {found:?}: a page of another server makes this request; expected same-origin or none"
    )]
    ForeignPage { found: String },
}

impl Gate {
    /// A gate for a server at this address, which may also be called by these names.
    pub const fn new(listening: SocketAddr, names: Vec<String>) -> Self {
        Self { listening, names }
    }

    /// Checks `Host`, `Origin` and `Sec-Fetch-Site`.
    ///
    /// # Errors
    /// [`GateError`], with the value that is not this server's.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), GateError> {
        // HTTP/1.0 needs no Host; every browser sends one, so a request without it is not from a web page.
        let host =
            if headers.contains_key(HOST) { only(headers, HOST).unwrap_or_default() } else { "localhost" };
        if !self.is_ours(without_port(host)) {
            return Err(GateError::ForeignHost { found: host.to_owned() });
        }
        if headers.contains_key(ORIGIN) {
            let origin = only(headers, ORIGIN).unwrap_or_default();
            // This server speaks plain HTTP: a page that came by https is another server's.
            if !origin.strip_prefix("http://").is_some_and(|same| same.eq_ignore_ascii_case(host)) {
                let expected = format!("http://{host}");
                return Err(GateError::ForeignOrigin { found: origin.to_owned(), expected });
            }
        }
        let site = fetch_metadata(headers, "sec-fetch-site").unwrap_or("none");
        if matches!(site, "none" | "same-origin") || is_navigation(headers) {
            return Ok(());
        }
        Err(GateError::ForeignPage { found: site.to_owned() })
    }

    /// A name that an attacker can make point here is never ours; an address always is what it says.
    fn is_ours(&self, host: &str) -> bool {
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            let listening = self.listening.ip();
            return address.is_loopback() || address == listening || listening.is_unspecified();
        }
        host.eq_ignore_ascii_case("localhost")
            || self.names.iter().any(|name| host.eq_ignore_ascii_case(name))
    }
}

/// A header's value if it is there exactly once and is plain text.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// A header by which a browser describes a request; none from other programs.
/// <https://www.w3.org/TR/fetch-metadata/>
fn fetch_metadata<'h>(headers: &'h HeaderMap, name: &'static str) -> Option<&'h str> {
    headers.contains_key(name).then(|| only(headers, HeaderName::from_static(name)).unwrap_or_default())
}

/// Whether a person follows a link to this server: the page that has the link cannot read the reply.
fn is_navigation(headers: &HeaderMap) -> bool {
    fetch_metadata(headers, "sec-fetch-mode") == Some("navigate")
        && fetch_metadata(headers, "sec-fetch-dest") == Some("document")
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests;
