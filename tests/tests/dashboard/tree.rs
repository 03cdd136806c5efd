//! The block tree tells of every block, and a node goes down and comes back by its card.

use cairn_tests::browser::{Browser, Page};

use super::ground::{look, resting};

/// Pixels of the tree that have the colour of what is stale.
const GREY: &str = r"(() => {
    const stale = getComputedStyle(document.documentElement).getPropertyValue('--stale').trim();
    const canvas = document.querySelector('.tree-canvas');
    const probe = new OffscreenCanvas(1, 1).getContext('2d');
    probe.fillStyle = stale;
    probe.fillRect(0, 0, 1, 1);
    const wanted = probe.getImageData(0, 0, 1, 1).data;
    const all = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let many = 0;
    for (let at = 0; at < all.length; at += 4)
        if ([0, 1, 2].every((place) => Math.abs(all[at + place] - wanted[place]) < 3) && all[at + 3] > 250) many += 1;
    return many;
})()";

/// Moves the pointer over the tree from the newest block to the oldest until something is told.
#[track_caller]
fn hover_a_block(page: &Page<'_>) -> String {
    let lines = "(({ x, y, width, height }) => [x, y, width, height])(document.querySelector('.tree').getBoundingClientRect())";
    let part = |place: usize| page.evaluate(lines)[place].as_f64().expect("a number");
    let (x, y, width, height) = (part(0), part(1), part(2), part(3));
    let told =
        "document.querySelector('.tree .tip').hidden ? null : document.querySelector('.tree .tip').innerText";
    let steps = (width / 12.0) as u32;
    let found = (1..steps).find_map(|step| {
        page.hover((x + width - f64::from(step) * 12.0, y + height / 2.0));
        page.evaluate(told).as_str().map(str::to_owned)
    });
    found.expect("some block is in the middle of the tree")
}

#[test]
fn every_block_tells_its_hash_its_miner_and_who_got_it_and_stale_ones_stay_grey() {
    let devnet = resting(21_340, 3);
    let browser = Browser::start();
    let page = look(&browser, &devnet, 3);
    devnet.net(&["mine", "1", "1"]);
    page.wait_for_text("#agree", "3 of 3");
    page.wait_for_text("#height", "1");
    let told = hover_a_block(&page);
    let tip = devnet.tips().remove(0);
    // Who is heard of first need not be the miner: each node's events come on a stream of their own.
    for word in ["Block 1", "in the best chain", &tip[tip.len() - 8..], "node 1", "3 nodes in", " first"] {
        assert!(told.contains(word), "{word} is not in {told}");
    }
    assert!(page.evaluate(GREY).as_u64() < Some(20), "nothing is stale");

    devnet.net(&["partition", "0,1", "/", "2"]);
    devnet.net(&["mine", "0", "3"]);
    devnet.net(&["mine", "2", "1"]);
    page.wait_for_text("#agree-words", "2 tips");
    devnet.net(&["heal"]);
    page.wait_for_text(".log .mark-agreed", "agree on block 4");
    let said = ".tree-room [role=status]";
    page.evaluate("document.querySelector('.tree').focus()");
    page.press("ArrowLeft");
    page.wait_for_text(said, "Block 4 by node 0, in the best chain");
    page.press("ArrowDown");
    let words = page.wait_for_text(said, "Block 2 by node 2, stale: no running node follows it");
    assert!(words.contains("reached"), "{words}");
    page.wait_for_text(".tree .tip", "stale: no running node follows it");
    page.wait_for("grey", &format!("{GREY} > 20"));
    devnet.net(&["mine", "1", "2"]);
    page.wait_for_text("#height", "6");
    page.wait_for("still grey", &format!("{GREY} > 20"));
    page.press("ArrowUp");
    page.wait_for_text(said, ", in the best chain");
    page.press("Enter");
    page.wait_for_text(".page", "In the best chain of node 0");
    page.assert_quiet();
}

#[test]
fn a_node_is_killed_and_restarted_by_its_card() {
    let devnet = resting(21_360, 3);
    let browser = Browser::start();
    let page = look(&browser, &devnet, 3);
    page.click(".node[data-id='1']");
    page.wait_for_text(".nodecard h3", "Node 1");
    page.click_named("button", "1 block");
    page.wait_for_text("#height", "1");
    page.click_named("button", "Kill");
    devnet.wait_for_event("killed");
    page.wait_for("the node is down", "first(\".node[data-id='1']\").classList.contains('down')");
    page.wait_for("it says so", "first(\".node[data-id='1']\").getAttribute('aria-label').includes('down')");
    page.wait_for_text("#down", "1 down");
    page.wait_for_text(".nodecard", "State");
    page.wait_for_text(".nodecard", "down: ");
    page.wait_for("nothing is killed twice", "!named('button', 'Kill')");
    page.click_named("button", "Restart");
    devnet.wait_for_event("restarted");
    page.wait_for("the node is back", "!first(\".node[data-id='1']\").classList.contains('down')");
    page.wait_for_text("#agree", "3 of 3");
    page.wait_for_text(".log", "node 1 was killed");
    page.wait_for_text(".log", "node 1 runs again");
    page.assert_quiet();
}
