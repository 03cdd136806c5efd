//! What only some nodes know is found all the same, and the page says who knows it.

use cairn_tests::browser::Browser;

use super::explorer::search;
use super::ground::{look, resting};

#[test]
fn blocks_of_the_other_side_of_a_cut_are_found_and_keep_their_address() {
    let devnet = resting(21_800, 5);
    let browser = Browser::start();
    let page = look(&browser, &devnet, 5);
    devnet.net(&["partition", "0,1", "/", "2,3,4"]);
    devnet.net(&["mine", "0", "1"]);
    let mined = devnet.net(&["mine", "3", "3"]);
    let hashes: Vec<&str> =
        mined["hashes"].as_array().expect("a list").iter().filter_map(|hash| hash.as_str()).collect();
    page.wait_for_text("#height", "3");
    let is_asked_elsewhere = "/^#.block.[0-9a-f]{64}[?]node=[234]$/.test(location.hash)";
    for (sought, height) in [(hashes[2], "3"), ("2", "2"), (hashes[0], "1")] {
        search(&page, sought);
        page.wait_for_text(".page h2", &format!("Block {height}"));
        page.wait_for("whose answer it is", is_asked_elsewhere);
    }
    page.wait_for_text(".page", "1 transaction");
    let coinbase = page.wait_for("its coinbase", "first(\".page td a[href^='#/tx/']\").getAttribute('href')");
    let txid: String = coinbase.as_str().expect("a link").chars().skip("#/tx/".len()).take(64).collect();
    search(&page, "no such thing");
    page.wait_for_text(".page", "Nothing found");
    search(&page, &txid);
    page.wait_for_text(".page h2", "Coinbase");
    page.reload();
    page.wait_for_text(".page h2", "Coinbase");
    page.assert_quiet();
}

#[test]
fn a_search_that_finds_nothing_is_no_error_of_the_page() {
    let devnet = resting(21_820, 2);
    let browser = Browser::start();
    let page = look(&browser, &devnet, 2);
    devnet.net(&["mine", "0", "2"]);
    page.wait_for_text("#height", "2");
    let unknown = "ab".repeat(32);
    for sought in ["99", "12345", unknown.as_str(), "<b>"] {
        search(&page, sought);
        page.wait_for_text(".page h2", "Nothing found");
        page.wait_for_text(".page code", sought);
    }
    search(&page, "cairndev1nonsense");
    page.wait_for_text(".page", "not a bech32m address");
    search(&page, "\u{ff12}");
    page.wait_for_text(".page h2", "Block 2");
    page.assert_quiet();
}
