//! What does not answer is seen not to, and what comes back is seen to be back.

use cairn_tests::browser::Browser;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::ground::{look, resting};

/// A process that stands still while this lives.
pub struct Frozen(Pid);

impl Frozen {
    /// Holds the process of this number.
    #[track_caller]
    pub fn begin(id: u32) -> Self {
        let id = Pid::from_raw(i32::try_from(id).expect("process ids are small"));
        kill(id, Signal::SIGSTOP).expect("it runs");
        Self(id)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

#[test]
fn a_server_that_hangs_is_noticed_and_so_is_its_return() {
    let devnet = resting(21_840, 2);
    let browser = Browser::start();
    let page = look(&browser, &devnet, 2);
    let frozen = Frozen::begin(devnet.id());
    page.wait_for("it is lost", "document.body.dataset.state === 'lost'");
    page.wait_for_text("#lost-words", "The server has not answered for 4 s.");
    // What is pressed meanwhile is said to be sent and not to be done.
    page.evaluate("[...document.querySelectorAll('button')].find((button) => button.textContent === 'Show me a fork').click()");
    page.wait_for_text("#notice", "No answer from the devnet. The step was sent");
    drop(frozen);
    page.wait_for("it is back", "document.body.dataset.state === 'live'");
    page.wait_for_text("#notice", "Forked and healed");
    // The fork's four blocks, and one more.
    devnet.net(&["mine", "0", "1"]);
    page.wait_for_text("#height", "5");
}

#[test]
fn a_node_that_hangs_is_drawn_as_one_that_does_not_answer_and_holds_up_no_other() {
    let devnet = resting(21_860, 3);
    let browser = Browser::start();
    let page = look(&browser, &devnet, 3);
    let ids = devnet.node_ids();
    let frozen = Frozen::begin(*ids.iter().max().expect("three nodes"));
    page.wait_for_text("#down", "1 does not answer");
    page.wait_for("it is drawn so", "document.querySelectorAll('.node.silent').length === 1");
    let other = page.wait_for("one that answers", "first('.node:not(.silent)').dataset.id");
    devnet.net(&["mine", other.as_str().expect("an id"), "1"]);
    page.wait_for_text("#height", "1");
    drop(frozen);
    page.wait_for("all answer", "document.querySelectorAll('.node.silent').length === 0");
    page.wait_for_text("#agree", "3 of 3");
    page.assert_quiet();
}

#[test]
fn a_node_whose_clock_is_behind_says_so_on_the_page() {
    let devnet = resting(22_210, 3);
    let browser = Browser::start();
    let page = look(&browser, &devnet, 3);
    for node in [0, 2] {
        devnet.rpc(node).call("setclockoffset", json!([200_000])).expect("the clock is set");
    }
    devnet.net(&["mine", "0", "1"]);
    let told = "document.querySelector('.key').textContent";
    page.wait_for(
        "a sentence",
        &format!("{told}.startsWith('Node 1 is stuck: this node\\'s clock is behind')"),
    );
    devnet.rpc(1).call("setclockoffset", json!([200_000])).expect("the clock is set");
    page.wait_for("it follows", &format!("{told} === ''"));
    page.wait_for_text("#height", "1");
}
