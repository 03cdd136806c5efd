//! The network is cut and healed by hand, and the devnet says the same as the page.

use cairn_tests::browser::{Browser, Page};

use super::ground::{look, resting};

#[track_caller]
fn wait_for_hulls(page: &Page<'_>, kind: &str, names: &[&str]) {
    let seen = format!("[...document.querySelectorAll('{kind} .hull-name')].map((name) => name.textContent)");
    page.wait_for(&format!("{names:?}"), &format!("{seen}.join() === '{}'", names.join(",")));
}

#[test]
fn a_network_is_cut_by_dragging_nodes_apart_and_heals_by_a_button() {
    let devnet = resting(21_300, 5);
    let browser = Browser::start();
    let page = look(&browser, &devnet, 5);
    assert_eq!(page.evaluate("location.hash + sessionStorage.length"), "#/1", "the token leaves the address");
    devnet.net(&["mine", "0", "3"]);
    page.wait_for_text("#height", "3");

    let corner = page.evaluate(
        "(({ right, top }) => [right - 30, top + 30])(document.querySelector('.net').getBoundingClientRect())",
    );
    let corner = (corner[0].as_f64().expect("a number"), corner[1].as_f64().expect("a number"));
    page.drag(page.middle(".node[data-id='1']"), corner);
    page.wait_for_text(".proposal-words", "A: 0, 2, 3, 4; B: 1");
    let (two, one) = (page.middle(".node[data-id='2']"), page.middle(".node[data-id='1']"));
    page.drag(two, (one.0, one.1 + 15.0));
    page.wait_for_text(".proposal-words", "A: 0, 3, 4; B: 1, 2");
    wait_for_hulls(&page, ".hull.proposed", &["A?", "B?"]);
    page.click_named("button", "Cut here");
    assert_eq!(devnet.wait_for_event("partitioned")["groups"], "0,3,4 / 1,2");
    wait_for_hulls(&page, ".hull:not(.proposed)", &["A", "B"]);
    page.wait_for_text("#banner-words", "A has nodes 0, 3, 4; B has nodes 1, 2");

    // One tip is an earlier block of the other: the two have two looks all the same.
    devnet.net(&["mine", "1", "1"]);
    let looks = "new Set([...document.querySelectorAll('.node')].map((node) => [...node.classList].find((name) => /^slot/.test(name)))).size";
    page.wait_for("two looks", &format!("{looks} === 2"));
    page.wait_for("two entries", "document.querySelectorAll('.legend li').length === 2");

    devnet.net(&["mine", "0", "2"]);
    devnet.net(&["mine", "1", "4"]);
    page.wait_for_text("#agree-words", "2 tips");
    page.wait_for_text("#agree", "3 of 5");
    page.wait_for("two tips", "document.querySelectorAll('.legend li').length === 2");
    let first = "first('.legend li:first-child').textContent";
    page.wait_for(
        "the side of two has most work",
        &format!("{first}.includes('most work') && {first}.includes('2 nodes')"),
    );
    page.wait_for("the losers are told of", "document.querySelectorAll('.node.stuck').length === 3");
    page.picture("partition");

    page.click("#banner-heal");
    devnet.wait_for_event("healed");
    let agreement = devnet.wait_for_event("agreement");
    page.wait_for("one tip", "document.querySelectorAll('.legend li').length === 1");
    page.wait_for_text("#agree", "5 of 5");
    page.wait_for("no banner", "document.querySelector('#banner').hidden");
    wait_for_hulls(&page, ".hull", &[]);
    let told = page.wait_for_text(".log .mark-agreed", "all 5 nodes agree on block 8 again, ");
    assert!(told.contains(&format!("{} ms after healing", agreement["ms"])), "{told}: {agreement}");
    page.wait_for_text(".log .mark-reorganized", "2 blocks left, ");
    page.wait_for("the notice is gone", "document.querySelector('#notice').hidden");
    page.picture("healed");
    page.assert_quiet();
}

#[test]
fn a_cut_that_was_only_thought_of_changes_nothing() {
    let devnet = resting(21_320, 4);
    let browser = Browser::start();
    let page = look(&browser, &devnet, 4);
    let edge = |side: &str| {
        let line = format!(
            "(({{ x, y, width, height }}) => [x + width / 2, {side}])(document.querySelector('.net').getBoundingClientRect())"
        );
        let at = page.evaluate(&line);
        (at[0].as_f64().expect("a number"), at[1].as_f64().expect("a number"))
    };
    page.drag(edge("y + 4"), edge("y + height - 4"));
    page.wait_for_text(".proposal-words", "This makes A: ");
    wait_for_hulls(&page, ".hull.proposed", &["A?", "B?"]);
    page.click_named("button", "Undo");
    wait_for_hulls(&page, ".hull", &[]);
    assert_eq!(devnet.net(&["status"])["groups"], "0,1,2,3");
    page.assert_quiet();
}
