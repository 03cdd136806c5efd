//! A payment of the real wallet is found, followed and proven in the browser.

use cairn_tests::browser::{Browser, Page};
use serde_json::Value;

use super::ground::{address, resting};

/// Types a text into the search field and presses Enter.
#[track_caller]
pub fn search(page: &Page<'_>, text: &str) {
    page.click("#search-field");
    page.evaluate("document.activeElement.select()");
    page.write(text);
    page.press("Enter");
}

#[test]
fn a_payment_is_found_followed_and_proven_and_a_falsified_proof_fails() {
    let devnet = resting(21_400, 2);
    let browser = Browser::start();
    let owner = devnet.wallet(&["new"])["address"].as_str().expect("an address").to_owned();
    devnet.wallet(&["-w", "three", "restore", "--devnet", "3"]);
    let paid = devnet.wallet(&["-w", "three", "send", &owner, "12.5", "--yes"]);
    let txid = paid["txid"].as_str().expect("an id").to_owned();
    let page = browser.open(&address(&devnet));

    page.click_named("link", "Mempool");
    page.wait_for_text(".page", "1 transaction, ");
    page.wait_for_text(".page td a", &txid[..16]);
    search(&page, &txid);
    page.wait_for("the transaction's page", &format!("location.hash === '#/tx/{txid}'"));
    page.wait_for_text(".page", "Unconfirmed, in the mempool of node 0.");
    page.evaluate("globalThis.isTheSamePage = true");

    // With these the block holds eight, and every path three hashes.
    (0..6).for_each(|_| drop(devnet.net(&["faucet", &owner, "1"])));
    let mined = devnet.net(&["mine", "0", "1"]);
    let block = mined["hashes"][0].as_str().expect("a hash").to_owned();
    // Nobody asks again: the page follows it.
    page.wait_for_text(".page", "In block 1 ");
    assert_eq!(page.evaluate("globalThis.isTheSamePage"), true);
    page.wait_for_text(".page", ", 1 confirmation.");
    page.wait_for_text(".page", "12.5");
    page.click_named("button", "Fetch the proof and check it");
    page.wait_for_text(".verdict.good", "The proof holds");
    page.wait_for(
        "every check is met",
        "document.querySelectorAll('.checks > .ok').length >= 4 && !first('.checks > .bad')",
    );
    assert!(page.wait_for_text(".checks", "Work").contains(&block), "the header's hash is computed");
    page.wait_for("the path", "document.querySelectorAll('svg.proof .hashbox.given').length === 3");
    let root = page.wait_for("the root", "[...document.querySelectorAll('svg.proof .hashbox title')].map((title) => title.textContent).join(' ')");
    page.evaluate("document.querySelector('.verdict').closest('section').scrollIntoView()");
    page.picture("proof");
    let choice = "document.querySelector(\"[aria-label='What to falsify']\")";
    let places = page.evaluate(&format!("[...{choice}.options].map((option) => option.textContent)"));
    let places: Vec<&str> = places.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(places.len() >= 4, "{places:?}");
    for (place, name) in places.iter().enumerate() {
        page.evaluate(&format!("{choice}.value = '{place}'"));
        page.click_named("button", "Falsify one byte of");
        page.wait_for_text(".page", &format!("in {name}."));
        page.wait_for(
            name,
            "!first('.verdict.good') && first('.verdict.bad, .card [aria-live] .warn').textContent",
        );
        page.click_named("button", "Check the true proof");
        page.wait_for_text(".verdict.good", "The proof holds");
    }

    search(&page, &owner);
    page.wait_for_text(".page", "18.5 coins");
    page.wait_for_text(".page", &txid[..16]);
    search(&page, &block);
    page.wait_for("the block's page", &format!("location.hash === '#/block/{block}'"));
    page.wait_for_text(".page", "Block 1");
    let shown = page.wait_for("its Merkle root", "[...document.querySelectorAll('.facts dt')].find((name) => name.textContent === 'Merkle root').nextElementSibling.textContent.match(/[0-9a-f]{64}/)[0]");
    let root = root.as_str().expect("text");
    assert!(root.contains(shown.as_str().expect("a hash")), "the picture has {root}, the page {shown}");
    search(&page, "1");
    page.wait_for("the same by its height", &format!("location.hash === '#/block/{block}'"));
    page.assert_quiet();
}

#[test]
fn the_faucet_pays_an_address_from_its_page() {
    let devnet = resting(21_420, 2);
    let browser = Browser::start();
    let owner = devnet.wallet(&["new"])["address"].as_str().expect("an address").to_owned();
    let page = browser.open(&address(&devnet));
    search(&page, &owner);
    page.wait_for_text(".page", "Nothing yet.");
    page.click_named("button", "Pay 10 coins from the faucet");
    page.wait_for_text(".page", "Waiting");
    page.wait_for_text(".page", "+10");
    devnet.net(&["mine", "0", "1"]);
    assert_eq!(devnet.wallet(&["balance"])["spendable"], "10");
    search(&page, "no such thing");
    page.wait_for_text(".page", "Nothing found");
    page.assert_quiet();
}
