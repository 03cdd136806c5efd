//! The room about agreement: what was cut and healed, how long agreement took, how fast blocks spread.

use cairn_tests::browser::Browser;

use super::ground::{address, resting};

#[test]
fn the_room_about_agreement_tells_cuts_healings_and_how_long_agreement_took() {
    let devnet = resting(21_380, 3);
    let browser = Browser::start();
    devnet.net(&["mine", "0", "3"]);
    devnet.net(&["partition", "0,1", "/", "2"]);
    devnet.net(&["mine", "0", "1"]);
    devnet.net(&["mine", "2", "3"]);
    devnet.net(&["heal"]);
    let agreement = devnet.wait_for_event("agreement");
    let page = browser.open(&address(&devnet));
    page.click_named("link", "Agreement");
    page.wait_for_text("#room-title", "Agreement");

    let marks = "section[aria-label='Partitions, heals and time to agreement']";
    page.wait_for_text(marks, "cut: 0,1 / 2 no longer reach each other");
    page.wait_for_text(marks, "healed: all nodes may reach each other again");
    page.wait_for_text(marks, &format!("all 3 nodes agree on block 6 again, {} ms after", agreement["ms"]));
    page.wait_for(
        "the time it took",
        &format!("/\\d (ms|s)$/.test(first(\"{marks} td strong\").textContent)"),
    );

    let share = "section[aria-label='Nodes on the tip that most have']";
    page.wait_for("both marks", &format!("/cut[^]*healed/.test(first(\"{share}\").textContent)"));
    page.wait_for(
        "words for the picture",
        &format!("first(\"{share} svg\").getAttribute('aria-label').includes('Now 3 of 3')"),
    );
    let spread =
        page.wait_for_text("section[aria-label='Block propagation']", "Half of all arrivals within ");
    assert!(spread.contains("90 % within") && spread.contains("99 % within"), "{spread}");
    assert!(spread.contains("Arrivals across a partition left out: "), "{spread}");
    page.wait_for_text("section[aria-label='Time between blocks']", "on average over 5 blocks");
    page.wait_for_text("section[aria-label='Difficulty']", "The next block is expected to take ");
    page.wait_for_text("section[aria-label='Mempools']", "node 2");
    page.assert_quiet();
}
