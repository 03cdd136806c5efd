//! `rescan`: searches the chain for coins on addresses far beyond those that were handed out here.

use cairn_genesis::exit::answer;
use serde::Serialize;

use crate::book::SEARCH_GAP;
use crate::cli::Common;
use crate::session::Session;
use crate::view::Notice;
use crate::{follow, show};

#[derive(Serialize)]
struct Rescanned<'a> {
    height: u32,
    notices: &'a [Notice],
}

/// Opens the keys and reads the chain from genesis, until a whole gap of each branch is unused.
pub fn run(common: &Common) -> anyhow::Result<()> {
    let mut session = Session::open(common)?;
    let client = session.connect(common)?.client;
    let keys = session.unlock(common)?;
    let view = follow::look(&mut session, &client, Some(&keys), SEARCH_GAP)?;
    let height = view.scan.height().get();
    show::tell(&view.notices);
    if common.json {
        let done = Rescanned { height, notices: &view.notices };
        return Ok(answer(serde_json::to_string(&done)?)?);
    }
    Ok(answer(format_args!("read up to block {height}; `cairn-wallet balance` shows what was found"))?)
}
