//! `address`: where to be paid.

use std::io::{Write, stdout};

use cairn_core::lock::Lock;
use qrcode::QrCode;
use qrcode::render::unicode;
use serde_json::json;

use crate::cli::{AddressOptions, Common};
use crate::session::Session;

/// Shows the newest address, a fresh one, or all.
pub fn run(common: &Common, options: &AddressOptions) -> anyhow::Result<()> {
    let mut session = Session::open(common)?;
    let locks: Vec<Lock> = if options.new {
        let lock = session.book.next_receive()?;
        session.book.save(&session.files)?;
        vec![lock]
    } else if options.all {
        session.book.receiving().collect()
    } else {
        vec![session.book.current()]
    };
    let addresses: Vec<String> = locks.into_iter().map(|lock| session.address(lock)).collect();
    if common.json {
        writeln!(stdout(), "{}", json!({ "addresses": addresses }))?;
        return Ok(());
    }
    for address in addresses {
        writeln!(stdout(), "{address}")?;
        if options.qr {
            // Upper case fits the QR code's denser alphabet; bech32m allows it.
            let code = QrCode::new(address.to_uppercase())?;
            writeln!(stdout(), "{}", code.render::<unicode::Dense1x2>().quiet_zone(true).build())?;
        }
    }
    Ok(())
}
