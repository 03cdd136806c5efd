//! `address`: where to be paid.

use std::io::{Write, stdout};

use anyhow::Context;
use cairn_core::lock::Lock;
use qrcode::QrCode;
use qrcode::render::unicode;
use serde_json::json;

use crate::book::SEARCH_GAP;
use crate::cli::{AddressOptions, Common};
use crate::session::Session;

/// Shows the newest address, a fresh one, or all.
pub fn run(common: &Common, options: &AddressOptions) -> anyhow::Result<()> {
    let mut session = Session::open(common)?;
    let locks: Vec<Lock> = if options.new {
        if session.book.receive.next().is_none() {
            let keys = session.unlock(common)?;
            session.book.look_ahead(&keys);
        }
        let lock = session.book.receive.take().context("no address is left")?;
        session.save_book()?;
        let (used, paid) = (session.book.receive.used(), session.book.receive.paid());
        if used.saturating_sub(paid) > SEARCH_GAP {
            eprintln!(
                "note: this is receiving address {used}, and the chain has paid none after {paid}: a restore \
                 looks for {SEARCH_GAP} beyond the last paid one and would not find this one yet"
            );
        }
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
