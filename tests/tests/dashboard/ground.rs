//! What these tests begin with: a devnet that rests, and its page.

use cairn_tests::browser::{Browser, Page};
use cairn_tests::devnet::Devnet;

/// So many nodes that mine only when they are told to.
#[track_caller]
pub fn resting(rpc_port: u16, nodes: usize) -> Devnet {
    Devnet::start(rpc_port, &["--nodes", &nodes.to_string(), "--mine", "none"])
}

/// A devnet's page, once so many nodes are drawn on it.
#[track_caller]
pub fn look<'b>(browser: &'b Browser, devnet: &Devnet, nodes: usize) -> Page<'b> {
    let page = browser.open(&address(devnet));
    wait_for_nodes(&page, nodes);
    page
}

/// The address of a devnet's page, with the token.
pub fn address(devnet: &Devnet) -> String {
    devnet.ready["page"].as_str().expect("an address").to_owned()
}

/// Waits until so many nodes are drawn.
#[track_caller]
pub fn wait_for_nodes(page: &Page<'_>, many: usize) {
    page.wait_for("all nodes", &format!("document.querySelectorAll('.net-svg .node').length === {many}"));
}
