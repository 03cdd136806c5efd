//! Any number of windows look at one devnet and steer it; what cannot be done is said at once.

use cairn_tests::browser::{Browser, Page};
use cairn_tests::devnet::Devnet;

use super::ground::{address, resting};
use super::silence::Frozen;

/// A browser opens six connections to one server: more windows than that, twice.
const WINDOWS: usize = 12;

/// Windows beside each other, all of them seen.
fn windows<'b>(browser: &'b Browser, devnet: &Devnet, room: &str) -> Vec<Page<'b>> {
    let open = |_| {
        let page = browser.open_window(&address(devnet));
        assert_eq!(page.evaluate("document.hidden"), false, "a window that is seen");
        page.enter(room);
        page
    };
    (0..WINDOWS).map(open).collect()
}

/// Cuts the network, waits until every window says so, and heals it by a click in one of them.
fn cut_and_heal(devnet: &Devnet, windows: &[Page<'_>], healer: usize) {
    devnet.net(&["partition", "0", "/", "1"]);
    for window in windows {
        window.wait_for("the cut", "!document.querySelector('#banner').hidden");
    }
    windows[healer].evaluate("document.querySelector('#banner-heal').click()");
    for window in windows {
        window.wait_for("it is healed", "document.querySelector('#banner').hidden");
    }
}

#[test]
fn twelve_windows_are_live_and_each_of_them_steers_while_a_scenario_plays() {
    let devnet = resting(23_100, 2);
    let browser = Browser::start();
    let windows = windows(&browser, &devnet, "#/scenarios");
    windows[0].wait_for_text(".scenario-list", "double-spend");
    // It lasts ten days: it plays until it is stopped.
    let item = "[...document.querySelectorAll('.scenario-list li')].find((item) => item.querySelector('strong').textContent === 'double-spend')";
    windows[0].evaluate(&format!("{item}.querySelector('button').click()"));
    for window in &windows {
        window.wait_for("what plays", "first('.stage h2') && first('.net-svg .node') && true");
    }
    for healer in [0, WINDOWS / 2, WINDOWS - 1] {
        cut_and_heal(&devnet, &windows, healer);
    }
    // A play that one window stops is stopped in all of them.
    windows[WINDOWS - 1].evaluate("[...document.querySelectorAll('.stage button')].find((button) => button.textContent === 'Stop').click()");
    for window in &windows {
        window.wait_for_text(".play-state", "stopped");
        window.assert_quiet();
    }
}

#[test]
fn windows_that_are_closed_crash_or_are_hidden_keep_nothing_from_the_others() {
    let devnet = resting(23_120, 2);
    let browser = Browser::start();
    let mut windows = windows(&browser, &devnet, "#/");
    windows.remove(0).close();
    windows.remove(0).crash();
    let hidden = windows.remove(0);
    let hide = |is: bool| {
        hidden.evaluate(&format!(
            "Object.defineProperty(document, 'hidden', {{ value: {is}, configurable: true }}); \
             document.dispatchEvent(new Event('visibilitychange'))"
        ));
    };
    hide(true);
    hidden.wait_for(
        "it asks no more",
        "new Promise((quiet) => { performance.clearResourceTimings(); \
           setTimeout(() => quiet(performance.getEntriesByType('resource').length === 0), 1500); })",
    );
    cut_and_heal(&devnet, &windows, 0);
    devnet.net(&["mine", "0", "2"]);
    hide(false);
    windows.push(hidden);
    for window in &windows {
        window.wait_for_text("#height", "2");
        window.assert_quiet();
    }
}

#[test]
fn a_step_that_takes_long_is_said_to_and_another_one_is_refused_with_its_name() {
    let devnet = resting(23_140, 2);
    let browser = Browser::start();
    let (one, other) = (browser.open_window(&address(&devnet)), browser.open_window(&address(&devnet)));
    let fork = "[...document.querySelectorAll('button')].find((button) => button.textContent === 'Show me a fork').click()";
    // The step waits for the node that hangs.
    let frozen = Frozen::begin(devnet.node_ids()[0]);
    one.evaluate(fork);
    one.wait_for_text("#notice", "The devnet is at work on this step…");
    other.evaluate(fork);
    other.wait_for_text("#notice", "fork was not done: the devnet is at work on fork");
    drop(frozen);
    one.wait_for_text("#notice", "Forked and healed");
    other.evaluate(fork);
    other.wait_for_text("#notice", "Forked and healed");
    one.assert_quiet();
}
