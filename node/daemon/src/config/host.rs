//! An address in the network as people write it: a name or a number, and a port.

use core::fmt;
use std::str::FromStr;

/// `node.example:18444`, `127.0.0.1:18444` or `[::1]:18444`. Names are looked up when connecting,
/// again each time, because what they stand for may change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl HostPort {
    /// The address, if it was written as a number and needs no look-up.
    pub fn address(&self) -> Option<std::net::SocketAddr> {
        self.to_string().parse().ok()
    }
}

impl FromStr for HostPort {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let is_name =
            |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        let is_ipv6 = |host: &str| {
            host.starts_with('[') && host.ends_with(']') && text.parse::<std::net::SocketAddr>().is_ok()
        };
        match parts {
            Some((host, port)) if port != 0 && !host.is_empty() && (is_name(host) || is_ipv6(host)) => {
                Ok(Self { host: host.to_owned(), port })
            }
            _ => Err("expected HOST:PORT"),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::HostPort;

    #[test]
    fn names_and_numbers_of_both_kinds_are_read_and_written_alike() {
        for text in ["node.example:18444", "127.0.0.1:1", "[::1]:65535", "localhost:18444"] {
            assert_eq!(text.parse::<HostPort>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn text_without_a_host_or_a_port_is_refused() {
        for text in
            ["", ":1", "host", "host:", "host:0", "host:65536", "::1:18444", "a b:1", "[x]:1", "host:1:"]
        {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }
}
