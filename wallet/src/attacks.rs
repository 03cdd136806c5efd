//! What other wallets lost coins and keys to (docs/attacks.md), tried on this one.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::signing::{sign, signature_digest};
use cairn_core::testing::{TestChain, seal};
use cairn_core::time::Timestamp;
use cairn_core::transaction::{Coinbase, LockTime, OutPoint, Output, Transaction, TransactionBody};
use clap::CommandFactory;

use crate::balance::{Balance, SpendableCoin, spendable};
use crate::book::{Book, KeySource, Search};
use crate::cli::Cli;
use crate::files::WalletFiles;
use crate::keys::{Branch, Keys};
use crate::mnemonic::Words;
use crate::payment::{Lack, Payment, Release, State, judge};
use crate::scan::Scan;
use crate::selection::FeeRate;
use crate::spend::{Draft, Wish};
use crate::view::View;

const LATE: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn words() -> Words {
    Words::from_entropy(&[3; 32])
}

fn coins(count: u64) -> Amount {
    Amount::from_units(count * Amount::COIN.units())
}

/// A wallet on a chain whose first block pays it 20 coins of 2 coins each.
struct World {
    test: TestChain,
    keys: Keys,
    book: Book,
    scan: Scan,
    tip: Arc<Block>,
}

impl World {
    fn new() -> Self {
        let test = TestChain::new();
        let keys = Keys::new(&words());
        let book = Book::new("test", test.params.genesis_hash, KeySource::Encrypted, &keys, Search::Done);
        let locks: BTreeSet<Lock> = book.locks().into_keys().collect();
        let scan = Scan::new(&test.genesis, &locks, book.watched());
        let tip = test.genesis.clone();
        let mut world = Self { test, keys, book, scan, tip };
        let lock = world.keys.lock(Branch::Receive, 0);
        let paid = world.test.spend(1, &[world.test.premine(1)], vec![Output { amount: coins(2), lock }; 20]);
        world.connect(vec![paid]);
        world
    }

    fn locks(&self) -> BTreeSet<Lock> {
        self.book.locks().into_keys().collect()
    }

    fn connect(&mut self, transactions: Vec<Arc<Transaction>>) {
        let height = self.scan.height().next();
        let outputs = vec![Output { amount: coins(50), lock: cairn_core::testing::lock(9) }];
        let coinbase = Coinbase { height, outputs, tag: Vec::new() };
        let (time, bits) = (LATE.saturating_sub(self.test.params.spacing), self.test.params.pow_limit);
        let time = time.saturating_add(core::time::Duration::from_millis(u64::from(height.get())));
        let block = Arc::new(seal(self.tip.hash(), time, bits, coinbase, transactions));
        let locks = self.locks();
        self.scan.connect(block.clone(), &locks, &self.test.params, LATE).expect("a valid block");
        self.tip = block;
    }

    /// What a command sees when the node's mempool holds every payment that was released.
    fn view(&self) -> View {
        let mempool: BTreeSet<_> = self.book.payments.iter().map(|payment| payment.txid).collect();
        let payments = judge(&self.book.payments, &self.scan, Some(&mempool));
        let (scan, mempool) = (self.scan.clone(), Some(mempool));
        View { scan, mempool, payments, incoming: None, notices: Vec::new() }
    }

    fn spendable(&self) -> Vec<SpendableCoin> {
        spendable(&self.view(), &self.locks(), &self.test.params)
    }

    fn balance(&self) -> Balance {
        Balance::of(&self.view(), &self.locks(), &self.test.params)
    }

    fn states(&self) -> Vec<State> {
        self.view().payments.into_iter().map(|payment| payment.state).collect()
    }

    /// A payment with this coin of address 0 alone.
    fn pay_with(&self, coin: OutPoint, to: Lock) -> Transaction {
        let own = self.keys.lock(Branch::Receive, 0);
        let body = TransactionBody {
            inputs: vec![coin],
            outputs: vec![Output { amount: coins(1), lock: to }],
            lock_time: LockTime::Immediate,
        };
        let spent = [Output { amount: coins(2), lock: own }];
        let digest = signature_digest(&self.book.genesis, &body, &spent);
        Transaction::new(body, vec![sign(&self.keys.signing_key(Branch::Receive, 0), &digest)])
    }

    /// What `send` does but for asking and telling a node.
    fn pay(&mut self, to: Lock, amount: Amount) -> Transaction {
        let rate = FeeRate::per_kilobyte(Amount::from_units(1_000));
        let wish = Wish { to, amount: Some(amount), rate, fee_ceiling: Amount::COIN };
        let available = self.spendable();
        let change = self.book.change.next().expect("prepared");
        let draft = Draft::new(&wish, &available, change, &self.balance()).expect("there is enough");
        let signed = draft.agreed().sign(&self.keys, &self.book.locks(), &self.book.genesis).expect("ours");
        let transaction = signed.transaction().clone();
        self.book.add(&transaction, Timestamp::from_millis(1), Release::Released);
        transaction
    }
}

/// ATTACKS 40: what was spent stays spent although the program ended and no block has confirmed it.
#[test]
fn a_restarted_wallet_does_not_spend_a_coin_twice() {
    let mut world = World::new();
    let directory = tempfile::tempdir().expect("a directory");
    let files = WalletFiles::new(directory.path(), "main".parse().expect("a name"));
    let stranger = cairn_core::testing::lock(5);
    let mut spent: BTreeSet<OutPoint> = BTreeSet::new();
    for _ in 0..6 {
        let payment = world.pay(stranger, coins(3));
        for input in payment.inputs() {
            assert!(spent.insert(*input), "{input} is spent twice");
        }
        world.book.save(&files).expect("written");
        world.book = Book::load(&files).expect("readable");
    }
    assert_eq!(world.view().reserved(), spent);
    // Mined, the coins are gone for good, and no longer reserved coins are no others.
    let mined: Vec<Arc<Transaction>> =
        world.book.payments.iter().filter_map(Payment::transaction).map(Arc::new).collect();
    world.connect(mined);
    assert!(world.states().iter().all(|state| matches!(state, State::Confirmed { .. })));
    let left = world.spendable();
    assert!(left.iter().all(|coin| !spent.contains(&coin.outpoint)));
}

/// ATTACKS 40: on the losing side of a reorganization a payment was confirmed, and still is its
/// payee's. Its coins look unspent again, and must not pay another payee.
#[test]
fn a_payment_that_a_reorganization_undid_keeps_its_coins_and_is_displaced_only_when_they_are_gone() {
    let mut world = World::new();
    let directory = tempfile::tempdir().expect("a directory");
    let files = WalletFiles::new(directory.path(), "main".parse().expect("a name"));
    let (fork, parent) = (world.scan.height(), world.tip.clone());
    let payment = world.pay(cairn_core::testing::lock(5), coins(3));
    world.connect(vec![Arc::new(payment.clone())]);
    let confirmed = State::Confirmed { at: world.scan.height() };
    assert_eq!((world.states(), world.view().reserved()), (vec![confirmed], BTreeSet::new()));
    world.book.save(&files).expect("written");
    world.book = Book::load(&files).expect("readable");

    world.scan.rewind(fork);
    world.tip = parent;
    world.connect(Vec::new());
    assert_eq!(world.states(), [State::Pending { in_mempool: true }], "it is pending again");
    let is_of_payment = |outpoint: &OutPoint| payment.inputs().contains(outpoint);
    assert!(!world.spendable().iter().any(|coin| is_of_payment(&coin.outpoint)));

    // Another wallet with the same words spends one of the coins: the payment can never be confirmed.
    let spent = payment.inputs()[0];
    // What spends its change cannot either.
    let everything = world.spendable().len() as u64;
    let heir = world.pay(cairn_core::testing::lock(5), coins(2 * (everything - 1)));
    assert!(heir.inputs().iter().any(|input| input.txid == payment.txid()));
    let rival = Arc::new(World::new().pay_with(spent, cairn_core::testing::lock(6)));
    world.connect(vec![rival.clone()]);
    let parent = Lack::Parent(payment.txid());
    assert_eq!(world.states(), [State::Displaced { by: rival.txid() }, State::Dead { lack: parent }]);
    assert_eq!(world.view().reserved(), BTreeSet::new());
    assert!(world.spendable().iter().all(|coin| !coin.unconfirmed), "their change is no coin");
}

/// ATTACKS 14, GHSA-w834: paying oneself, again and again in one block, and taking it back.
#[test]
fn payments_to_oneself_in_one_block_add_up_and_a_reorganization_takes_them_back_exactly() {
    let mut world = World::new();
    let (before, at) = (world.scan.clone(), world.scan.height());
    let own = world.keys.lock(Branch::Receive, 0);
    let payments: Vec<Arc<Transaction>> = (0..8).map(|_| Arc::new(world.pay(own, coins(5)))).collect();
    let total = world.balance();
    let sum = |balance: &Balance| balance.spendable.checked_add(balance.pending_change);
    assert!(sum(&total) < Some(coins(40)), "fees are paid");
    world.connect(payments);
    assert_eq!(sum(&world.balance()), sum(&total), "confirmed or not, it is as much");
    let moved: Vec<_> = world.scan.history().into_iter().filter(|entry| entry.height > at).collect();
    assert!(moved.iter().all(|entry| entry.spent >= entry.received), "no more comes back than left");
    world.scan.rewind(at);
    assert_eq!(world.scan, before);
    world.book.payments.clear();
    assert_eq!(sum(&world.balance()), Some(coins(40)));
    world.scan.rewind(Height::GENESIS);
    assert_eq!(sum(&world.balance()), Some(Amount::ZERO));
}

/// Says whether a type can be printed with `{:?}`: the method on the reference is found only when
/// the one on the value is not there.
struct Probe<T>(core::marker::PhantomData<T>);

trait Mute {
    fn can_be_printed(&self) -> bool {
        false
    }
}

impl<T> Mute for &Probe<T> {}

impl<T: Debug> Probe<T> {
    fn can_be_printed(&self) -> bool {
        true
    }
}

/// ATTACKS 40: no key in logs. What cannot be printed is in none, whatever is logged later.
#[test]
fn keys_and_words_cannot_be_printed() {
    assert!(Probe::<Book>(core::marker::PhantomData).can_be_printed(), "the probe works");
    assert!(!(&Probe::<Words>(core::marker::PhantomData)).can_be_printed());
    assert!(!(&Probe::<Keys>(core::marker::PhantomData)).can_be_printed());
}

/// ATTACKS 40: what stands on the command line is seen by every user of the machine and kept in the
/// shell's history. What is secret is named by file.
#[test]
fn no_argument_takes_a_secret_by_value() {
    let mut commands = vec![Cli::command()];
    let mut looked_at = 0;
    while let Some(command) = commands.pop() {
        for argument in command.get_arguments() {
            looked_at += 1;
            let name = argument.get_id().as_str();
            if ["word", "pass", "key", "seed", "secret", "mnemonic"].iter().any(|part| name.contains(part)) {
                let is_file =
                    argument.get_value_names().is_some_and(|names| names.iter().any(|n| n == "FILE"));
                assert!(is_file, "{} takes {name} by value", command.get_name());
            }
        }
        commands.extend(command.get_subcommands().cloned());
    }
    assert!(looked_at > 20, "{looked_at}");
}

/// ATTACKS 40: the book is read without the passphrase, so nothing in it may open a coin.
#[test]
fn the_public_book_holds_no_secret() {
    let world = World::new();
    let directory = tempfile::tempdir().expect("a directory");
    let files = WalletFiles::new(directory.path(), "main".parse().expect("a name"));
    world.book.save(&files).expect("written");
    let text = std::fs::read_to_string(files.public()).expect("readable");
    let public = hex::encode(world.keys.signing_key(Branch::Receive, 0).verifying_key().to_bytes());
    assert!(text.contains(&public));
    for index in 0..200 {
        for branch in [Branch::Receive, Branch::Change] {
            assert!(!text.contains(&hex::encode(world.keys.signing_key(branch, index).to_bytes())));
        }
    }
    assert!(!words().as_str().split(' ').any(|word| text.contains(&format!("\"{word}"))));
    assert!(!text.contains(&hex::encode(*words().seed())));
}

/// ATTACKS 40: a nonce that is used for two payments gives the key away. Here it comes from key and
/// message (RFC 8032), so equal payments have equal signatures and others share no nonce.
#[test]
fn no_two_payments_share_a_nonce_and_the_same_one_signed_again_is_the_same() {
    let sign = |amount: u64| {
        let mut world = World::new();
        world.pay(cairn_core::testing::lock(5), coins(amount))
    };
    let nonce = |payment: &Transaction| payment.signatures()[0].as_bytes()[..32].to_vec();
    assert_eq!(sign(1), sign(1));
    let nonces: BTreeSet<Vec<u8>> = (1..6).map(|amount| nonce(&sign(amount))).collect();
    assert_eq!(nonces.len(), 5);
}
