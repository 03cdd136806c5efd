//! Free ports for nodes: each number is held by a lock for as long as the test runs, so that tests
//! in other processes do not take it between our looking and the node's listening.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Below the range from which systems choose the local ends of outgoing connections.
const FIRST: u16 = 20_000;
/// How many ports to choose from.
const COUNT: u16 = 12_000;

/// A port that nobody listens on, ours for as long as this lives.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    _lock: File,
}

impl Port {
    /// Takes a free one.
    ///
    /// # Panics
    /// When there is none, or locks cannot be kept in the directory for temporary files.
    pub fn free() -> Self {
        let directory = std::env::temp_dir().join("cairn-test-ports");
        std::fs::create_dir_all(&directory).expect("a directory for locks can be made");
        let start = std::process::id().wrapping_mul(37) % u32::from(COUNT);
        let numbers = (0..COUNT).map(|step| FIRST + ((start + u32::from(step)) % u32::from(COUNT)) as u16);
        let mut free = numbers.filter_map(|number| {
            let path = directory.join(number.to_string());
            let lock = OpenOptions::new().create(true).append(true).open(path).ok()?;
            lock.try_lock().ok()?;
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, number));
            TcpListener::bind(address).ok()?;
            Some(Self { address, _lock: lock })
        });
        free.next().expect("one of 12,000 ports is free")
    }

    /// The address on loopback.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
