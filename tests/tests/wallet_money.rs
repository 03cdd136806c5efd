//! A wallet's money with real processes: words bring back all of it, looking at it hands nothing to the
//! network, and coins that a reorganization undid are not counted.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use cairn_core::address::{Address, AddressPrefix};
use cairn_tests::devnet::Devnet;
use cairn_tests::patience::wait_until;
use cairn_tests::process;
use cairn_tests::pty::AtTerminal;
use cairn_wallet::keys::{Branch, Keys};
use cairn_wallet::mnemonic::Words;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// Two nodes that make blocks on demand.
const ARGUMENTS: [&str; 4] = ["--nodes", "2", "--mine", "none"];

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// An amount of coins as an integer of the smallest unit.
#[track_caller]
fn units(amount: &Value) -> u64 {
    let (whole, part) = text(amount).split_once('.').unwrap_or((text(amount), ""));
    format!("{whole}{part:0<8}").parse().expect("an amount")
}

/// One of the published accounts, with its address.
#[track_caller]
fn account(devnet: &Devnet, number: usize) -> Value {
    devnet.net(&["accounts"])[number].clone()
}

/// Ids of the transactions in the mempool of a node.
#[track_caller]
fn mempool(devnet: &Devnet, node: usize) -> BTreeSet<String> {
    let ids = devnet.rpc(node).call("getrawmempool", json!([])).expect("an answer");
    ids.as_array().expect("a list").iter().map(|id| text(id).to_owned()).collect()
}

/// A wallet of the devnet's user.
#[derive(Clone, Copy)]
struct Wallet<'a> {
    devnet: &'a Devnet,
    name: &'a str,
    /// The node that is asked.
    node: usize,
}

impl<'a> Wallet<'a> {
    fn new(devnet: &'a Devnet, name: &'a str) -> Self {
        Self { devnet, name, node: 0 }
    }

    fn at_node(self, node: usize) -> Self {
        Self { node, ..self }
    }

    fn with_common<'b>(&'b self, arguments: &[&'b str]) -> Vec<&'b str> {
        let rpc = text(&self.devnet.ready["nodes"][self.node]["rpc"]);
        [&["--wallet", self.name, "--rpc", rpc], arguments].concat()
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Value {
        self.devnet.wallet(&self.with_common(arguments))
    }

    #[track_caller]
    fn fails(&self, arguments: &[&str]) -> String {
        self.devnet.wallet_fails(&self.with_common(arguments))
    }

    /// Makes a payment and returns its id.
    #[track_caller]
    fn sends(&self, to: &Value, amount: &str) -> String {
        text(&self.run(&["send", "--yes", text(to), amount])["txid"]).to_owned()
    }

    #[track_caller]
    fn restored_from(self, words: &str) -> Self {
        let path = self.devnet.home().join(format!("{}.words", self.name));
        fs::write(&path, words).expect("written");
        self.run(&["restore", "--words-file", path.to_str().expect("text")]);
        self
    }

    /// The wallet as a published account, whose keys need no passphrase.
    #[track_caller]
    fn published(self, account: &str) -> Self {
        self.run(&["restore", "--devnet", account]);
        self
    }

    #[track_caller]
    fn spendable(&self) -> u64 {
        units(&self.run(&["balance"])["spendable"])
    }

    /// Checks every amount of `balance`.
    #[track_caller]
    fn has_only(&self, spendable: &str) {
        let balance = self.run(&["balance"]);
        assert_eq!(balance["spendable"], spendable, "{balance}");
        for nothing in ["pending_change", "pending_out", "pending_in", "unreleased", "not_in_mempool"] {
            assert_eq!(balance[nothing], "0", "{nothing}: {balance}");
        }
    }

    #[track_caller]
    fn history(&self) -> Vec<Value> {
        self.run(&["history"])["history"].as_array().expect("rows").clone()
    }

    /// The row of one transaction.
    #[track_caller]
    fn row(&self, txid: &str) -> Value {
        let rows = self.history();
        let row = rows.iter().find(|row| row["txid"] == txid);
        row.unwrap_or_else(|| panic!("no row of {txid}: {rows:?}")).clone()
    }
}

#[test]
fn a_restored_account_and_an_early_copy_have_the_balance_and_the_history_of_201_payments_and_can_spend() {
    let devnet = Devnet::start(22_300, &ARGUMENTS);
    let first = account(&devnet, 0);
    let [payer, early_copy] = ["payer", "early"].map(|name| Wallet::new(&devnet, name).published("3"));
    for number in 1..=200 {
        payer.sends(&first["address"], "1");
        if number % 20 == 0 {
            devnet.net(&["mine", "0", "1"]);
        }
    }
    // A wallet that was restored when 200 change addresses were used makes the next payment.
    Wallet::new(&devnet, "successor").published("3").sends(&first["address"], "1");
    devnet.net(&["mine", "0", "1"]);
    let (balance, history) = (payer.run(&["balance"]), payer.history());
    assert_eq!(history.len(), 202, "the coins of genesis and 201 payments");
    let spendable = payer.spendable();
    assert!((979_800_000_000..979_900_000_000).contains(&spendable), "{balance}");

    let restored = Wallet::new(&devnet, "restored").published("3");
    for copy in [restored, early_copy] {
        assert_eq!(copy.run(&["balance"])["spendable"], balance["spendable"], "{}", copy.name);
        assert_eq!(copy.history(), history, "{}", copy.name);
    }
    // Each copy spends what another one left as change.
    for copy in [restored, early_copy] {
        copy.sends(&first["address"], "5");
        devnet.net(&["mine", "0", "1"]);
    }
    let left = payer.spendable();
    assert!((left..left + 10_000).contains(&(spendable - 1_000_000_000)), "{left} of {spendable}");
    restored.sends(&first["address"], "all");
    devnet.net(&["mine", "0", "1"]);
    for copy in [payer, restored, early_copy] {
        copy.has_only("0");
        assert_eq!(copy.history().len(), 205, "{}", copy.name);
    }
}

#[test]
fn an_empty_wallet_hands_out_addresses_without_end_and_words_find_what_far_ones_hold() {
    let devnet = Devnet::start(22_320, &ARGUMENTS);
    let shop = Wallet::new(&devnet, "shop");
    let made = shop.run(&["new"]);
    let words = text(&made["words"]);
    let early_copy = Wallet::new(&devnet, "early").restored_from(words);
    // A wallet derives about 300 when it is made, and the next ones when those are handed out.
    let mut handed_out = vec![text(&made["address"]).to_owned()];
    while handed_out.len() < 310 {
        handed_out.push(text(&shop.run(&["address", "--new"])["addresses"][0]).to_owned());
    }
    assert_eq!(handed_out.iter().collect::<BTreeSet<_>>().len(), 310, "no address twice");
    devnet.net(&["faucet", &handed_out[249], "77"]);
    devnet.net(&["faucet", &handed_out[309], "3"]);
    // As if another copy had made 350 payments: its change lies where this one has not looked yet.
    let change = Keys::new(&Words::parse(words).expect("words")).lock(Branch::Change, 350);
    let change = Address::new(&AddressPrefix::new("cairndev").expect("a prefix"), change).to_string();
    devnet.net(&["faucet", &change, "5"]);
    devnet.net(&["mine", "0", "1"]);
    shop.has_only("80");
    // The early copy looks for 300 and its keys are closed: it says that there may be more.
    early_copy.has_only("77");
    let notices = early_copy.run(&["balance"])["notices"].clone();
    assert_eq!(notices[0]["kind"], "more-may-lie-beyond", "{notices}");

    let restored = Wallet::new(&devnet, "restored").restored_from(words);
    [shop, early_copy].iter().for_each(|wallet| drop(wallet.run(&["rescan"])));
    for wallet in [shop, restored, early_copy] {
        wallet.has_only("85");
        assert_eq!(wallet.history(), restored.history(), "{}", wallet.name);
    }

    let first = account(&devnet, 0);
    restored.sends(&first["address"], "79");
    devnet.net(&["mine", "0", "1"]);
    early_copy.sends(&first["address"], "all");
    devnet.net(&["mine", "0", "1"]);
    [shop, restored, early_copy].iter().for_each(|wallet| wallet.has_only("0"));
}

/// Runs every command that only looks, and checks that none hands anything to the node.
#[track_caller]
fn look(wallet: &Wallet<'_>, in_mempool: &[&String]) {
    for looking in [&["balance"][..], &["history"], &["address"], &["list"]] {
        wallet.run(looking);
        let held = mempool(wallet.devnet, 0);
        assert_eq!(held.iter().collect::<Vec<_>>(), in_mempool, "after {looking:?}");
    }
}

#[test]
fn a_payment_of_a_devnet_that_ended_is_made_again_when_resend_asks_for_it() {
    let mut devnet = Devnet::start(22_340, &ARGUMENTS);
    let first = account(&devnet, 0);
    let txid = Wallet::new(&devnet, "a").published("3").sends(&first["address"], "12.5");
    devnet.signal(Signal::SIGTERM);

    // No block came: nothing tells this chain from the old one.
    let mut second = devnet.start_beside(22_340, &ARGUMENTS);
    let wallet = Wallet::new(&second, "a");
    look(&wallet, &[]);
    let row = wallet.row(&txid);
    assert_eq!((&row["state"], &row["reason"]), (&json!("pending"), &json!("not in the node's mempool")));
    assert_eq!(wallet.run(&["balance"])["not_in_mempool"], "10000");
    assert_eq!(wallet.run(&["resend"])["resent"], json!([txid]));
    assert_eq!(mempool(&second, 0), BTreeSet::from([txid.clone()]));
    second.net(&["mine", "0", "1"]);
    assert_eq!(wallet.row(&txid)["state"], "confirmed");
    let other = wallet.sends(&first["address"], "7");
    second.signal(Signal::SIGTERM);

    let third = devnet.start_beside(22_340, &ARGUMENTS);
    let wallet = Wallet::new(&third, "a");
    // The first command of all must not make the payment that it is to forget.
    assert_eq!(wallet.run(&["abandon", &other])["abandoned"], json!([other]));
    look(&wallet, &[]);
    // Without a block it may also be a node that has not heard of the chain yet: the coin stays reserved.
    assert_eq!(wallet.run(&["balance"])["not_in_mempool"], "10000");
    third.net(&["mine", "0", "1"]);
    look(&wallet, &[]);
    let row = wallet.row(&txid);
    let reason = json!("made on a chain that was started anew");
    assert_eq!((&row["state"], &row["reason"]), (&json!("earlier-chain"), &reason));
    wallet.has_only("10000");
    third.net(&["mine", "0", "1"]);
    assert_eq!(wallet.row(&txid)["state"], "earlier-chain", "no block has made it");
    assert_eq!(wallet.run(&["resend", &txid])["resent"], json!([txid]));
    third.net(&["mine", "0", "1"]);
    assert_eq!(wallet.row(&txid)["state"], "confirmed");
}

#[test]
fn a_payment_signed_offline_stays_out_until_it_is_broadcast_or_resent_by_name() {
    let devnet = Devnet::start(22_360, &ARGUMENTS);
    let first = account(&devnet, 0);
    let wallet = Wallet::new(&devnet, "a").published("3");
    wallet.run(&["balance"]);
    for by_broadcast in [true, false] {
        let signed = wallet.run(&["send", "--offline", "--yes", text(&first["address"]), "1234"]);
        let txid = text(&signed["txid"]).to_owned();
        look(&wallet, &[]);
        assert_eq!(wallet.row(&txid)["state"], "unreleased");
        let balance = wallet.run(&["balance"]);
        assert!(balance["unreleased"] != "0" && balance["pending_out"] == "0", "{balance}");
        assert_eq!(wallet.run(&["resend"])["resent"], json!([]), "nobody has named it");
        devnet.net(&["mine", "0", "1"]);
        look(&wallet, &[]);
        if by_broadcast {
            wallet.run(&["broadcast", text(&signed["hex"])]);
        } else {
            wallet.run(&["resend", &txid]);
        }
        look(&wallet, &[&txid]);
        assert_eq!(wallet.row(&txid)["state"], "pending");
        devnet.net(&["mine", "0", "1"]);
        look(&wallet, &[]);
        assert_eq!(wallet.row(&txid)["state"], "confirmed");
    }
}

#[track_caller]
fn heal(devnet: &Devnet) {
    devnet.net(&["heal"]);
    wait_until("both nodes agree", || {
        let tips = devnet.tips();
        tips[0] == tips[1]
    });
}

#[test]
fn a_payment_whose_coin_was_undone_is_dead_and_counts_for_nothing() {
    let devnet = Devnet::start(22_380, &ARGUMENTS);
    let first = account(&devnet, 0);
    let to = text(&first["address"]);
    let miner = Wallet::new(&devnet, "miner");
    let address = miner.run(&["new"])["address"].clone();
    devnet.net(&["partition", "0", "/", "1"]);
    devnet.net(&["mine", "0", "11", "--to", text(&address)]);

    let mut command = Command::new(process::wallet());
    command.args(miner.with_common(&["send", "--yes", to, "30", "--wait", "1"]));
    command.env("CAIRN_HOME", devnet.home()).env("CAIRN_WALLET_PASSPHRASE", "a passphrase of this test");
    let mut waiting = AtTerminal::run(&command);
    waiting.wait_for("left    69.99999784 of 100\r\n");
    let line = waiting.wait_for("\r\n");
    let txid = line.trim();
    assert_eq!(miner.run(&["balance"])["pending_out"], "30");

    devnet.net(&["mine", "1", "12"]);
    heal(&devnet);
    waiting.wait_for(&format!(
        "error: the payment {txid} was sent; look at `history` before you make it again: "
    ));
    waiting.wait_for("its coin was undone (");
    assert_eq!(waiting.wait_for_exit(), 3);

    miner.has_only("0");
    let rows = miner.history();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(
        [&row["txid"], &row["state"], &row["kind"], &row["amount"]],
        [txid, "dead", "sent", "-30"],
        "{row}"
    );
    assert!(text(&row["reason"]).starts_with("its coin was undone ("), "{row}");
    let refused = miner.fails(&["send", "--yes", to, "5"]);
    assert!(refused.contains("5.00000072 is needed with the fee, 0 can be spent now"), "{refused}");

    devnet.net(&["faucet", text(&address), "100"]);
    devnet.net(&["mine", "0", "1"]);
    miner.has_only("100");
    let refused = miner.fails(&["send", "--yes", to, "110"]);
    assert!(refused.contains("is needed with the fee, 100 can be spent now"), "{refused}");
    let sent = miner.sends(&first["address"], "all");
    assert_eq!(mempool(&devnet, 0), BTreeSet::from([sent.clone()]));
    devnet.net(&["mine", "0", "1"]);
    assert_eq!(miner.row(&sent)["state"], "confirmed");
    assert_eq!(miner.run(&["abandon", txid])["abandoned"], json!([txid]));
    assert!(miner.history().iter().all(|row| row["state"] == "confirmed"));
}

#[test]
fn an_incoming_payment_that_a_double_spend_displaced_is_not_pending() {
    let devnet = Devnet::start(22_400, &ARGUMENTS);
    let [first, second] = [0, 1].map(|number| account(&devnet, number)["address"].clone());
    let payee = Wallet::new(&devnet, "payee");
    let address = payee.run(&["new"])["address"].clone();
    let accounts = ["3", "4"].map(|number| Wallet::new(&devnet, number).published(number));
    devnet.net(&["partition", "0", "/", "1"]);
    let paid = accounts[0].sends(&address, "100");
    devnet.net(&["mine", "0", "1"]);
    let passed_on = payee.sends(&first, "40");
    let unconfirmed = accounts[1].sends(&address, "7");
    assert_eq!(payee.run(&["balance"])["pending_in"], "7");
    assert_eq!(payee.history().len(), 3);

    let copies = [("copy-3", "3"), ("copy-4", "4")]
        .map(|(name, number)| Wallet::new(&devnet, name).at_node(1).published(number));
    let displacing = copies.map(|copy| copy.sends(&second, "9"));
    devnet.net(&["mine", "1", "3"]);
    heal(&devnet);

    payee.has_only("0");
    let rows = payee.history();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(
        [&row["txid"], &row["state"], &row["kind"], &row["amount"]],
        [passed_on.as_str(), "dead", "sent", "-40"],
        "{row}"
    );
    let refused = payee.fails(&["send", "--yes", text(&first), "5"]);
    assert!(refused.contains("0 can be spent now"), "{refused}");
    assert_eq!(mempool(&devnet, 0), BTreeSet::new());
    for (account, (txid, by)) in accounts.iter().zip([paid, unconfirmed].iter().zip(&displacing)) {
        let row = account.row(txid);
        assert_eq!(
            (&row["state"], &row["reason"]),
            (&json!("displaced"), &json!(format!("displaced by {by}")))
        );
        account.has_only("9990.99999784");
    }
}
