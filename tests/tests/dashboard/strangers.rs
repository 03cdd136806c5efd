//! What strangers write is text, wherever it is shown; and a node's own page only shows.

use cairn_core::hash::GenesisHash;
use cairn_genesis::Chain;
use cairn_protocol::message::{Hello, Message};
use cairn_tests::browser::{Browser, Page};
use cairn_tests::hostile::{Hostile, hello};
use cairn_tests::patience::wait_until;
use cairn_tests::process::{NodeProcess, Options};
use serde_json::json;

use super::ground::{look, resting, wait_for_nodes};

/// Markup that would run if anybody took it for markup.
const MARKUP: &str = "<img src=x onerror=alert(1)><b id=planted>";

fn chain(name: &str) -> Chain {
    Chain::builtin(name).expect("built in")
}

/// A node whose blocks bear the markup.
fn tagged(options: Options) -> NodeProcess {
    NodeProcess::start(Options { arguments: vec!["--tag".into(), MARKUP.into()], ..options })
}

#[track_caller]
fn assert_nothing_is_planted(page: &Page<'_>) {
    let planted = page.evaluate("document.querySelectorAll('img, #planted, [onerror], main b').length");
    assert_eq!(planted, 0, "{}", page.evaluate("document.body.innerHTML"));
}

#[test]
fn the_tag_of_a_strangers_block_is_shown_as_text_in_every_room() {
    let devnet = resting(21_540, 2);
    let browser = Browser::start();
    let page = look(&browser, &devnet, 2);
    let peer = devnet.ready["nodes"][0]["peer"].as_str().expect("an address").parse().expect("an address");
    let stranger = tagged(Options { chain: "devnet".into(), connect: vec![peer], ..Options::default() });
    wait_until("the stranger is connected", || stranger.peers() >= 1);
    let owner = chain("devnet").definition.premine[0].address.clone();
    let made = stranger.call("generatetoaddress", json!([1, owner]));
    let block = made[0].as_str().expect("a hash");
    page.wait_for_text("#height", "1");
    page.wait_for_text("#agree", "2 of 2");

    page.evaluate("document.querySelector('.tree').focus()");
    page.press("ArrowLeft");
    page.wait_for_text(".tree .tip", MARKUP);
    assert_nothing_is_planted(&page);
    page.click_named("button", "The newest blocks as a table");
    page.wait_for_text("main table", &format!("an unknown miner (“{MARKUP}”)"));
    assert_nothing_is_planted(&page);
    for room in ["#/explorer".to_owned(), format!("#/block/{block}")] {
        page.enter(&room);
        page.wait_for_text(".page", MARKUP);
        assert_nothing_is_planted(&page);
    }
    page.click(".page td a[href^='#/tx/']");
    page.wait_for_text(".page h2", "Coinbase");
    page.wait_for_text(".page dl", MARKUP);
    assert_nothing_is_planted(&page);
    page.enter(&format!("#/search?q={MARKUP}"));
    page.wait_for_text(".page", "Nothing found");
    page.wait_for_text(".page code", MARKUP);
    assert_nothing_is_planted(&page);
    page.assert_quiet();
}

#[test]
fn a_nodes_own_page_shows_strangers_as_text_and_steers_nothing() {
    let node = tagged(Options::default());
    let genesis: GenesisHash = chain("regtest").params.genesis_hash;
    let mut peer = Hostile::connect(node.peer_address());
    peer.say(&Message::Hello(Box::new(Hello { user_agent: MARKUP.into(), ..hello(genesis) })));
    assert!(matches!(peer.hear(), Some(Message::Hello(_))));
    wait_until("the peer is known", || node.peers() == 1);
    node.call("generatetoaddress", json!([2, chain("regtest").definition.premine[0].address]));

    let browser = Browser::start();
    let page = browser.open(&format!("http://{}/", node.rpc_address()));
    wait_for_nodes(&page, 2);
    page.wait_for_text("#height", "2");
    page.wait_for_text("#agree-words", "peer");
    page.click(".node[data-id='1']");
    page.wait_for_text(".nodecard h3", "Peer p1");
    page.wait_for_text(".nodecard", MARKUP);
    assert_nothing_is_planted(&page);
    page.evaluate("document.querySelector('.tree').focus()");
    page.press("ArrowLeft");
    page.wait_for_text(".tree .tip", MARKUP);
    assert_nothing_is_planted(&page);

    let buttons = "[...document.querySelectorAll('button, summary')].filter(shown).map((button) => button.textContent.trim())";
    let shown = page.wait_for("buttons", &format!("{buttons}.length && {buttons}"));
    let steering =
        ["Draw a cut", "Heal", "Cut here", "Kill", "Restart", "1 block", "Cut by keyboard or by numbers"];
    for button in shown.as_array().expect("a list") {
        assert!(!steering.contains(&button.as_str().expect("text")), "{shown}");
    }
    let from = page.middle(".node[data-id='1']");
    page.drag(from, (from.0 + 120.0, from.1 + 60.0));
    page.wait_for("no proposal", "document.querySelector('.proposal').hidden");
    page.assert_quiet();
}
