//! Every room in little space and in the dark; and what the page costs.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cairn_tests::browser::Browser;

use super::ground::{address, look, resting};

#[test]
fn every_room_fits_320_pixels_in_light_and_dark() {
    let devnet = resting(21_500, 5);
    let browser = Browser::start();
    let owner = devnet.wallet(&["new"])["address"].as_str().expect("an address").to_owned();
    let txid = devnet.net(&["faucet", &owner, "1"])["txid"].as_str().expect("an id").to_owned();
    let mined = devnet.net(&["mine", "0", "2"]);
    let block = mined["hashes"][0].as_str().expect("a hash").to_owned();
    devnet.net(&["partition", "0,1", "/", "2,3,4"]);
    let page = look(&browser, &devnet, 5);
    page.resize(320, 640);
    let page_rooms = [format!("#/block/{block}"), format!("#/tx/{txid}"), format!("#/address/{owner}")];
    let rooms = ["#/", "#/agreement", "#/explorer", "#/mempool", "#/scenarios", "#/no-such-room"];
    let rooms: Vec<&str> = rooms.into_iter().chain(page_rooms.iter().map(String::as_str)).collect();
    let bright = "getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).slice(0, 3).map(Number).reduce((sum, part) => sum + part)";
    for is_dark in [false, true] {
        if is_dark {
            page.prefer_dark();
        }
        page.wait_for("its colours", &format!("({bright}) {}", if is_dark { "< 200" } else { "> 600" }));
        for room in &rooms {
            page.enter(room);
            page.wait_for(
                room,
                "!first('[aria-busy]') && first('#room h2') && frame().then(frame).then(() => true)",
            );
            let width = page.evaluate("document.scrollingElement.scrollWidth");
            assert!(width.as_u64() <= Some(320), "{room} is {width} wide");
        }
    }
    page.assert_quiet();
}

#[test]
fn the_page_is_light_and_soon_there() {
    let devnet = resting(21_520, 2);
    let browser = Browser::start();
    let page = look(&browser, &devnet, 2);
    let paints = page.wait_for(
        "the first paint",
        "performance.getEntriesByType('paint').map((paint) => `${paint.name} ${Math.round(paint.startTime)} ms`).join(', ')",
    );
    let assets = "performance.getEntriesByType('resource').filter((one) => one.name.includes('/assets/'))";
    let weight = page.evaluate(&format!("{assets}.reduce((sum, one) => sum + one.encodedBodySize, 0)"));
    let many = page.evaluate(&format!("{assets}.length"));
    println!("{}; {many} assets, {weight} bytes", paints.as_str().expect("text"));
    assert!(many.as_u64() > Some(10) && weight.as_u64() < Some(500_000), "{many} assets, {weight} bytes");
    page.assert_quiet();
}

#[test]
fn a_page_that_complained_opened_a_dialog_or_asked_others_would_be_noticed() {
    let devnet = resting(21_580, 2);
    let browser = Browser::start();
    for fault in [
        "console.error('a complaint')",
        "setTimeout(() => { throw new Error('nobody catches this'); })",
        "setTimeout(() => alert('a dialog'))",
        "fetch('http://127.0.0.1:9/').catch(() => 0)",
        "fetch('v1/no-such-thing')",
    ] {
        let page = browser.open(&address(&devnet));
        page.evaluate(fault);
        page.evaluate("new Promise((later) => setTimeout(later, 50))");
        let claim = catch_unwind(AssertUnwindSafe(|| page.assert_quiet()));
        assert!(claim.is_err(), "{fault}");
    }
}
