//! Scenarios are played beside the devnet, and reports of earlier ones are opened.

use std::path::Path;
use std::process::Command;

use cairn_tests::browser::Browser;
use cairn_tests::process::program;

use super::ground::{address, resting};

/// A thousand nodes that are cut in two for a minute; twenty of one side lose their power meanwhile.
const THOUSAND: &str = r#"
name = "thousand"
teaches = "Many nodes agree as few do."
chain = { spacing = "2 s", half_life = "none" }
topology = { kind = "regions", inside = 8, outside = 1 }
links = { latency = { from = "5 ms", to = "20 ms" }, loss = 0 }

[[group]]
name = "north"
nodes = 600
hashrate = 0

[[group]]
name = "south"
nodes = 400
hashrate = 0

[[step]]
at = "10 s"
mine = { node = "south.7", blocks = 1 }

[[step]]
at = "20 s"
partition = [["north"], ["south"]]

[[step]]
at = "30 s"
mine = { node = "north.30", blocks = 2 }

[[step]]
at = "31 s"
mine = { node = "south.7", blocks = 1 }

[[step]]
at = "60 s"
kill = ["north.0-19"]

[[step]]
at = "80 s"
heal = true

[[step]]
at = "81 s"
restart = ["north.0-19"]

[stop]
after = "85 s"
"#;

#[test]
fn a_scenario_plays_to_the_end_and_all_that_was_expected_of_it_is_green() {
    let devnet = resting(21_440, 2);
    let browser = Browser::start();
    let page = browser.open(&address(&devnet));
    page.click_named("link", "Scenarios");
    page.wait_for_text(".scenario-list", "split-brain");
    page.evaluate("document.querySelector('#speed').value = '1'");
    let play = "[...document.querySelectorAll('.scenario-list li')].find((item) => item.querySelector('strong').textContent === 'split-brain').querySelector('button')";
    page.evaluate(&format!("{play}.id = 'play-it'"));
    page.click("#play-it");
    page.wait_for("ten nodes", "document.querySelectorAll('.net-svg .node').length === 10");
    page.wait_for("the stage has the focus", "document.activeElement.textContent === 'split-brain'");
    // It lasts a minute, and nothing is judged in the first half: held there, it cannot be over before anybody looks.
    page.click_named("button", "Pause");
    page.wait_for_text(".play-state", "paused");
    page.wait_for(
        "nothing is judged yet",
        "document.querySelectorAll('.checks > .open').length >= 4 && !first('.checks > .bad')",
    );
    page.evaluate("(() => { const speed = document.querySelector('.stage [aria-label=Speed]'); speed.value = '60'; speed.dispatchEvent(new Event('change')); })()");
    page.click_named("button", "Go on");
    assert_eq!(page.evaluate("document.querySelectorAll('.stack .stack a[href]').length"), 0, "other blocks");
    page.reload();
    page.wait_for_text(".stack .stack h2", "split-brain");
    page.wait_for_text(".log", "cut");
    let verdicts = "[...document.querySelectorAll('.checks > li')]";
    page.wait_for(
        "every expectation is met in the end",
        &format!("{verdicts}.length >= 4 && {verdicts}.every((one) => one.className === 'ok' && one.textContent.startsWith('✓ met: '))"),
    );
    page.wait_for_text(".log", "healed");
    assert_eq!(devnet.net(&["status"])["groups"], "0,1", "the devnet is not touched");
    page.assert_quiet();
}

#[test]
fn a_play_is_held_goes_on_and_is_stopped_and_another_tab_sees_it() {
    let devnet = resting(21_880, 2);
    let browser = Browser::start();
    let page = browser.open(&address(&devnet));
    page.enter("#/scenarios");
    page.wait_for_text(".scenario-list", "double-spend");
    let play = "[...document.querySelectorAll('.scenario-list li')].find((item) => item.querySelector('strong').textContent === 'double-spend').querySelector('button')";
    page.evaluate(&format!("{play}.id = 'play-it'"));
    page.click("#play-it");
    page.wait_for("its nodes", "document.querySelectorAll('.net-svg .node').length > 2");
    let other = browser.open(&address(&devnet));
    other.enter("#/scenarios");
    other.wait_for_text(".stage h2", "double-spend");
    page.to_front();
    page.click_named("button", "Pause");
    page.wait_for_text(".play-state", "paused");
    other.to_front();
    other.wait_for_text(".play-state", "paused");
    page.to_front();
    page.click_named("button", "Go on");
    page.wait_for(
        "it goes on",
        "first('.play-state') === undefined || first('.play-state').textContent === ''",
    );
    page.click_named("button", "Stop");
    page.wait_for_text(".play-state", "stopped");
    other.to_front();
    other.wait_for_text(".play-state", "stopped");
    page.wait_for("nothing is left to do", "[...document.querySelectorAll('.stage .tools button')].slice(0, 2).every((button) => button.disabled)");
    page.assert_quiet();
    other.assert_quiet();
}

#[test]
fn a_report_is_opened_from_a_file_and_what_is_no_report_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/split-brain.toml");
    let mut simulate = Command::new(program());
    simulate.arg("simulate").arg(scenario).arg("--quiet").arg("--report").arg(directory.path());
    assert!(simulate.output().expect("the program can be run").status.success());
    let wrong = directory.path().join("wrong.json");
    std::fs::write(&wrong, "{}").expect("a file can be written");

    let devnet = resting(21_460, 2);
    let browser = Browser::start();
    let page = browser.open(&address(&devnet));
    page.enter("#/scenarios");
    page.wait_for_text(".scenario-list", "split-brain");
    page.choose_file("#report-file", &wrong);
    page.wait_for_text("#notice", "The file is not a scenario's report");
    page.choose_file("#report-file", &directory.path().join("report.json"));
    page.wait_for_text(".stack .stack h2", "split-brain");
    page.wait_for(
        "its expectations",
        "document.querySelectorAll('.checks .ok').length >= 4 && !first('.checks .bad')",
    );
    page.wait_for_text(".timeline", "healed");
    let figures = "[...document.querySelectorAll('p')].find((line) => line.textContent.includes('so far, best height')).textContent";
    let end = page.wait_for("how many blocks there were", figures);
    page.evaluate("(() => { const scrub = document.querySelector('.scrub'); scrub.value = scrub.max / 10; scrub.dispatchEvent(new Event('input')); })()");
    page.wait_for("an earlier moment", &format!("{figures} !== {end}"));
    page.wait_for("nothing is healed yet", "!first('.timeline').textContent.includes('healed')");
    page.assert_quiet();
}

#[test]
fn a_report_of_a_thousand_nodes_is_scrubbed_and_shows_which_tip_each_had() {
    let directory = tempfile::tempdir().expect("a directory");
    let scenario = directory.path().join("thousand.toml");
    std::fs::write(&scenario, THOUSAND).expect("a file can be written");
    let mut simulate = Command::new(program());
    simulate.arg("simulate").arg(&scenario).arg("--quiet").arg("--report").arg(directory.path());
    assert!(simulate.output().expect("the program can be run").status.success());

    let devnet = resting(21_580, 2);
    let browser = Browser::start();
    let page = browser.open(&address(&devnet));
    page.enter("#/scenarios");
    page.wait_for_text(".scenario-list", "split-brain");
    page.choose_file("#report-file", &directory.path().join("report.json"));
    page.wait_for_text(".stack .stack h2", "thousand");
    let go_to = |ms: u64| {
        page.evaluate(&format!("(() => {{ const scrub = document.querySelector('.scrub'); scrub.value = {ms}; scrub.dispatchEvent(new Event('input')); }})()"));
    };
    let lines = "[...document.querySelectorAll('.tips > li b')].map((line) => line.textContent).join()";
    page.wait_for("all agree in the end", &format!("{lines} === '1,000 nodes'"));
    // Before it is healed each side has a chain of its own, and twenty nodes of one have no power.
    go_to(79_000);
    page.wait_for_text("section[aria-labelledby=nodes-title]", "980 of 1,000 nodes run, on 2 tips.");
    page.wait_for("two sides and the dead", &format!("{lines} === '580 nodes,400 nodes,20'"));
    page.wait_for_text(".tips", "down");
    page.evaluate("document.querySelector('section[aria-labelledby=nodes-title] [tabindex]').focus()");
    page.press("End");
    page.wait_for_text("section[aria-labelledby=nodes-title]", "node 999 (south): block ");
    page.press("Home");
    page.wait_for_text("section[aria-labelledby=nodes-title]", "node 0 (north): down since ");
    page.evaluate("document.querySelector('.scrubber').scrollIntoView()");
    page.picture("report");
    go_to(19_000);
    page.wait_for("all agree before the cut", &format!("{lines} === '1,000 nodes'"));
    page.assert_quiet();
}
