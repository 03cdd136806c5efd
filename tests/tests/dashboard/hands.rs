//! Everything can be done without a pointer.

use cairn_tests::browser::Browser;

use super::ground::{look, resting};

#[test]
fn a_network_is_cut_looked_at_and_healed_by_keys_alone() {
    let devnet = resting(21_480, 4);
    let browser = Browser::start();
    let page = look(&browser, &devnet, 4);
    page.wait_for("a node for Tab", "first(\".node[tabindex='0']\") && true");
    page.tab_to("a node", "focused.matches('.node')");
    let on = |what: &str| page.evaluate(&format!("document.activeElement.{what}"));
    let first = on("dataset.id").as_str().expect("an id").to_owned();
    assert!(
        on("getAttribute('aria-label')").as_str().expect("a name").starts_with(&format!("Node {first}, "))
    );
    page.press("Enter");
    page.wait_for("its card", &format!("document.activeElement.textContent === 'Node {first}'"));
    page.press("Escape");
    page.wait_for("the way back", &format!("document.activeElement.dataset.id === '{first}'"));

    page.press("g");
    page.wait_for_text("#notice", "now press the letter of its group");
    page.press("b");
    page.wait_for_text(".proposal-words", &format!("; B: {first}."));
    page.press("Escape");
    page.wait_for("no proposal", "document.querySelector('.proposal').hidden");

    page.tab_to("the form's lid", "focused.closest('.cut-form') && focused.matches('summary')");
    page.press("Enter");
    page.tab_to("the form", "focused.id === 'cut-field'");
    page.write("0,9");
    page.press("Enter");
    page.wait_for_text(".cut-form .error", "“9” is not a node");
    page.evaluate("document.activeElement.select()");
    page.write("0,1 / 2,3");
    page.press("Enter");
    page.wait_for_text(".proposal-words", "A: 0, 1; B: 2, 3");
    page.tab_to("the button that cuts", "focused.textContent === 'Cut here'");
    page.press("Enter");
    assert_eq!(devnet.wait_for_event("partitioned")["groups"], "0,1 / 2,3");
    page.wait_for_text("#banner-words", "A has nodes 0, 1; B has nodes 2, 3");
    page.wait_for("the button that heals has the focus", "document.activeElement.textContent === 'Heal'");
    page.press("Enter");
    devnet.wait_for_event("healed");
    page.wait_for("no banner", "document.querySelector('#banner').hidden");
    page.wait_for("back at a node", "document.activeElement.matches('.node')");

    page.press("Enter");
    page.wait_for("a card", "document.activeElement.closest('.nodecard')");
    page.tab_to("the button that kills", "focused.textContent === 'Kill'");
    page.press("Enter");
    let killed = devnet.wait_for_event("killed")["node"].clone();
    page.wait_for("the way back to life", "document.activeElement.textContent === 'Restart'");
    page.press("Enter");
    assert_eq!(devnet.wait_for_event("restarted")["node"], killed);
    page.wait_for("and from it", "document.activeElement.textContent === 'Kill'");
    page.press("Escape");
    page.wait_for("its node", &format!("document.activeElement.dataset.id === '{killed}'"));

    page.tab_to("the tree", "focused.matches('.tree')");
    page.press("ArrowLeft");
    page.wait_for_text(".tree-room [role=status]", "Genesis, the first block");
    page.assert_quiet();
}
