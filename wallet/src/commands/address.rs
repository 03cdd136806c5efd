//! `address`: shows receiving addresses, as text or QR code.

use anyhow::Context;
use cairn_core::lock::Lock;
use cairn_genesis::programs::exit::{answer_done, say};
use qrcode::QrCode;
use qrcode::render::unicode;
use qrcode::types::QrError;
use serde_json::json;

use crate::book::SEARCH_GAP;
use crate::cli::{AddressOptions, Common};
use crate::session::Session;
use crate::show;

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
            say(format_args!(
                "note: this is receiving address {used}, and the chain has paid none after {paid}: a restore \
                 looks for {SEARCH_GAP} beyond the last paid one and would not find this one yet"
            ));
        }
        vec![lock]
    } else if options.all {
        session.book.receiving().collect()
    } else {
        vec![session.book.current()]
    };
    let addresses: Vec<String> = locks.into_iter().map(|lock| session.address(lock)).collect();
    let value = json!({ "addresses": addresses });
    let text = if options.qr { in_codes(&addresses)? } else { addresses.join("\n") };
    if !options.new {
        return show::reply(common.json, &value, text);
    }
    let done = format!("the address {} is handed out", addresses.concat());
    Ok(answer_done(common.json, value, text, done)?)
}

/// Each address with its QR code. Upper case fits the code's denser alphabet; bech32m allows it.
fn in_codes(addresses: &[String]) -> Result<String, QrError> {
    let code = |address: &String| {
        let code = QrCode::new(address.to_uppercase())?;
        Ok(format!("{address}\n{}", code.render::<unicode::Dense1x2>().quiet_zone(true).build()))
    };
    Ok(addresses.iter().map(code).collect::<Result<Vec<_>, QrError>>()?.join("\n"))
}
