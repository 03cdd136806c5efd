//! The wallet against a model: whatever happens to the chain, the node and the wallet's own files, it shows
//! what chain, mempool and its owner's commands make true, and hands in nothing that nobody released.
//!
//! The wallet's logic is that of the program; the node is one in memory. Each step opens the wallet from
//! its files, as each command does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use cairn_core::amount::Amount;
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::signing::{sign, signature_digest};
use cairn_core::transaction::{LockTime, OutPoint, Output, Transaction, TransactionBody};
use cairn_genesis::accounts;
use cairn_wallet::balance::Balance;
use cairn_wallet::book::{Book, KeySource, Search};
use cairn_wallet::files::WalletFiles;
use cairn_wallet::follow;
use cairn_wallet::payment::{Lack, State};
use cairn_wallet::release::{self, ReleaseError};
use cairn_wallet::selection::FeeRate;
use cairn_wallet::session::Session;
use cairn_wallet::spend::{SpendError, Wish};
use cairn_wallet::view::{Notice, View};
use proptest::prelude::*;
use tempfile::TempDir;

use memory_node::{Coins, MemoryNode, UnspentCoin};
use model::{Expected, KEYS, LOCKS, MATURITY, Model, Record, Typed};

mod cases;
mod memory_node;
mod model;
mod restore;

/// The account that pays the wallet, and whose coins are spent twice.
const STRANGER: u8 = 4;

/// How often a payment was seen in each state.
static MET: Mutex<BTreeMap<&str, usize>> = Mutex::new(BTreeMap::new());

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    Mine {
        is_full: bool,
        is_ours: bool,
        count: u8,
    },
    Receive {
        coins: u8,
    },
    /// A hundred per cent is `all`.
    Send {
        by: usize,
        percent: u8,
        is_offline: bool,
    },
    /// Somebody hands in what was signed offline.
    Broadcast {
        pick: usize,
    },
    Resend {
        by: usize,
        pick: Option<usize>,
    },
    Abandon {
        by: usize,
        pick: usize,
    },
    NewAddress {
        by: usize,
    },
    /// With a rival, the new branch holds a transaction that spends a coin of one that was undone or waits.
    Reorganize {
        depth: u8,
        rival: Option<usize>,
    },
    RestartNode,
    StartAnew,
    /// The second copy is lost and made again from its words.
    Restore,
}

fn step() -> impl Strategy<Value = Step> {
    let by = 0..2_usize;
    prop_oneof![
        5 => (any::<bool>(), any::<bool>(), 1..4_u8)
            .prop_map(|(is_full, is_ours, count)| Step::Mine { is_full, is_ours, count }),
        4 => (1..100_u8).prop_map(|coins| Step::Receive { coins }),
        7 => (by.clone(), 1..=110_u8, prop::bool::weighted(0.25)).prop_map(|(by, percent, is_offline)| {
            Step::Send { by, percent: percent.min(100), is_offline }
        }),
        1 => any::<usize>().prop_map(|pick| Step::Broadcast { pick }),
        2 => (by.clone(), prop::option::of(any::<usize>())).prop_map(|(by, pick)| Step::Resend { by, pick }),
        2 => (by.clone(), any::<usize>()).prop_map(|(by, pick)| Step::Abandon { by, pick }),
        1 => by.prop_map(|by| Step::NewAddress { by }),
        3 => (1..14_u8, prop::option::of(any::<usize>()))
            .prop_map(|(depth, rival)| Step::Reorganize { depth, rival }),
        2 => Just(Step::RestartNode),
        1 => Just(Step::StartAnew),
        1 => Just(Step::Restore),
    ]
}

/// A wallet's files, and what is known of it without them.
struct Owner {
    directory: TempDir,
    model: Model,
}

impl Owner {
    fn new(genesis: cairn_core::hash::GenesisHash) -> Self {
        // Every command flushes its files: in memory that costs nothing.
        let memory = std::path::Path::new("/dev/shm");
        let directory = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        let owner = Self { directory: directory.expect("a directory"), model: Model::default() };
        let book = Book::new("regtest", genesis, KeySource::Encrypted, &KEYS, Search::Done);
        book.save(&owner.files()).expect("written");
        owner
    }

    fn files(&self) -> WalletFiles {
        WalletFiles::new(self.directory.path(), "w".parse().expect("a name"))
    }
}

struct World {
    node: MemoryNode,
    run: u32,
    /// Two copies of one wallet.
    owners: [Owner; 2],
}

impl World {
    fn new() -> Self {
        let genesis = cairn_genesis::Chain::builtin("regtest").expect("built in").params.genesis_hash;
        Self { node: MemoryNode::default(), run: 0, owners: [Owner::new(genesis), Owner::new(genesis)] }
    }

    /// What every reading command does; nothing may reach the node.
    fn look(&mut self, by: usize) -> (Session, View) {
        let owner = &mut self.owners[by];
        let is_anew = owner.model.look(&self.node, self.run);
        let mut session = Session::load(owner.files()).expect("readable");
        let handed_in = self.node.submitted.borrow().len();
        let view = follow::catch_up(&mut session, &self.node, None).expect("a look");
        assert_eq!(self.node.submitted.borrow().len(), handed_in, "looking hands in nothing");
        let told = view.notices.iter().any(|notice| matches!(notice, Notice::ChainStartedAnew { .. }));
        assert_eq!(told, is_anew, "a chain that was started anew is recognized, and no other");
        assert!(!session.book.may_miss_addresses(), "these histories are shorter than the look-ahead");
        (session, view)
    }

    /// What happened, so that no history is believed that never met a case.
    fn tally(&self, view: &View) {
        for payment in &view.payments {
            let word = match &payment.state {
                State::Pending { in_mempool: false } => "not in mempool",
                State::Dead { lack: Lack::Parent(_) } => "dead with its parent",
                state => state.word(),
            };
            *MET.lock().expect("no panic").entry(word).or_default() += 1;
        }
    }

    fn check(&mut self, by: usize) {
        let (session, view) = self.look(by);
        self.tally(&view);
        let balance = Balance::of(&view, &session.locks(), &session.chain.params);
        let incoming = view.incoming.iter().flatten().map(|one| one.amount);
        let parts = [
            balance.spendable,
            balance.immature,
            balance.pending_change,
            balance.unreleased,
            balance.not_in_mempool,
        ];
        let shown = Expected {
            all: Amount::checked_sum(parts).expect("below the supply"),
            spendable: balance.spendable,
            immature: balance.immature,
            pending_change: balance.pending_change,
            pending_out: balance.pending_out,
            unreleased: balance.unreleased,
            not_in_mempool: balance.not_in_mempool,
            incoming: Amount::checked_sum(incoming).expect("below the supply"),
            states: view.payments.iter().map(|one| (one.txid(), one.state)).collect(),
        };
        assert_eq!(shown, self.owners[by].model.expect(&self.node), "left: what copy {by} shows");
    }

    fn do_step(&mut self, step: &Step) {
        match *step {
            Step::Mine { is_full, is_ours, count } => {
                for _ in 0..count {
                    self.node.mine(is_full, if is_ours { self.own_lock() } else { accounts::lock(9) });
                }
            }
            Step::Receive { coins } => self.receive(u64::from(coins)),
            Step::Send { by, percent, is_offline } => self.send(by, percent, is_offline),
            Step::Broadcast { pick } => {
                let offline = |record: &&Record| record.typed == Typed::Offline;
                let records = &self.owners[0].model.records;
                let found = pick_of(records.iter().filter(offline), pick).map(|one| one.transaction.clone());
                found.map(|transaction| self.node.accept(transaction));
            }
            Step::Resend { by, pick } => self.resend(by, pick),
            Step::Abandon { by, pick } => self.abandon(by, pick),
            Step::NewAddress { by } => {
                let (mut session, _) = self.look(by);
                session.book.receive.take().expect("derived ahead");
                session.save_book().expect("written");
            }
            Step::Reorganize { depth, rival } => self.reorganize(u32::from(depth), rival),
            Step::RestartNode => self.node.restart(),
            Step::StartAnew => {
                self.node.start_anew();
                self.run += 1;
            }
            Step::Restore => self.restore(),
        }
    }

    fn own_lock(&self) -> Lock {
        Book::load(&self.owners[0].files()).expect("readable").current()
    }

    /// The stranger's largest coin that nothing in the mempool spends pays the wallet.
    fn receive(&mut self, coins: u64) {
        let amount = Amount::from_units(coins * Amount::COIN.units());
        let lock = accounts::lock(STRANGER);
        let waiting: BTreeSet<OutPoint> =
            self.node.waiting().iter().flat_map(|one| one.inputs().to_vec()).collect();
        let unspent = Coins::of(&self.node.best_chain()).unspent;
        let free = unspent.into_iter().filter(|(at, coin)| coin.output.lock == lock && !waiting.contains(at));
        let Some((at, coin)) = free.max_by_key(|(_, coin)| coin.output.amount) else { return };
        let fee = Amount::from_units(10_000);
        let change = coin.output.amount.checked_sub(amount).and_then(|rest| rest.checked_sub(fee));
        let Some(change) = change else { return };
        let outputs = vec![Output { amount, lock: self.own_lock() }, Output { amount: change, lock }];
        assert!(self.node.accept(signed(at, &coin, outputs)));
    }

    fn send(&mut self, by: usize, percent: u8, is_offline: bool) {
        let (mut session, mut view) = self.look(by);
        if is_offline {
            view = follow::offline(&mut session).expect("it was just read");
        }
        let balance = Balance::of(&view, &session.locks(), &session.chain.params);
        let all = balance.spendable.checked_add(balance.pending_change).expect("below the supply");
        let share = Amount::from_units(all.units() / 100 * u64::from(percent));
        let amount = (percent < 100).then_some(share);
        let rate = FeeRate::per_kilobyte(Amount::from_units(1_000));
        // Now and then the other copy is paid, which is the same wallet.
        let to = if percent % 10 == 1 { session.book.current() } else { accounts::lock(8) };
        let wish = Wish { to, amount, rate, fee_ceiling: Amount::COIN };
        let draft = match release::draft(&session, &view, &wish) {
            Ok(draft) => draft,
            Err(error) => {
                let error = error.downcast_ref::<SpendError>().expect("coins are what may be missing");
                let is_poor = matches!(error, SpendError::InsufficientFunds { .. } | SpendError::Nothing);
                assert!(is_poor && all < Amount::COIN, "{error}");
                return;
            }
        };
        if amount.is_none() && draft.left_out.coins == 0 {
            assert_eq!(draft.amount.checked_add(draft.fee), Some(all), "all is all");
        }
        let node = (!is_offline).then_some(&self.node);
        match release::sign(&mut session, node, draft.agreed(), &KEYS) {
            Ok(transaction) => {
                let typed = if is_offline { Typed::Offline } else { Typed::Released };
                let model = &mut self.owners[by].model;
                // Signing the same again, as on a chain that was started anew, gives the same transaction.
                match model.records.iter_mut().find(|record| record.txid() == transaction.txid()) {
                    Some(known) => known.typed = typed,
                    None => model.add(Record { transaction: Arc::new(transaction), typed }),
                }
            }
            // What can be spent is accepted, but for the length of unconfirmed chains.
            Err(error) => match error.downcast_ref::<ReleaseError>() {
                Some(ReleaseError::Rejected { source, .. }) => {
                    assert!(source.to_string().contains("waiting transactions"), "{source}");
                }
                _ => panic!("{error:#}"),
            },
        }
    }

    fn resend(&mut self, by: usize, pick: Option<usize>) {
        let (mut session, view) = self.look(by);
        let named = pick.and_then(|pick| pick_of(view.payments.iter(), pick)).map(|one| one.txid());
        if pick.is_some() && named.is_none() {
            return;
        }
        let Ok(wanted) = release::to_resend(&view, named.as_slice()) else {
            let state =
                view.payment(&named.expect("without a name there is no refusal")).map(|one| &one.state);
            let is_parent_unreleased = matches!(state, Some(state) if state.can_be_released());
            let is_decided =
                matches!(state, Some(State::Confirmed { .. } | State::Displaced { .. } | State::Dead { .. }));
            assert!(is_decided || is_parent_unreleased, "{state:?}");
            return;
        };
        for transaction in wanted {
            match release::release(&mut session, &self.node, &transaction) {
                Ok(()) => {}
                Err(ReleaseError::Rejected { .. }) => continue,
                Err(error) => panic!("{error}"),
            }
            let records = &mut self.owners[by].model.records;
            let record = records.iter_mut().find(|record| record.txid() == transaction.txid());
            record.expect("known").typed = Typed::Released;
        }
    }

    fn abandon(&mut self, by: usize, pick: usize) {
        let (mut session, view) = self.look(by);
        let Some(txid) = pick_of(view.payments.iter(), pick).map(|one| one.txid()) else { return };
        let Ok(forgotten) = release::abandon(&mut session, &view, &txid) else {
            let may_be_confirmed = |state: &State| {
                matches!(state, State::Confirmed { .. } | State::Pending { in_mempool: true })
            };
            let family = session.book.with_descendants(&txid);
            let mut states = family.iter().filter_map(|txid| view.payment(txid)).map(|one| &one.state);
            assert!(states.any(may_be_confirmed));
            return;
        };
        self.owners[by].model.records.retain(|record| !forgotten.contains(&record.txid()));
    }

    fn reorganize(&mut self, depth: u32, rival: Option<usize>) {
        let blocks = self.node.best_chain();
        let tip = blocks.len() as u32 - 1;
        let fork = tip.saturating_sub(depth);
        let below = Coins::of(&blocks[..=fork as usize]);
        let undone = blocks[fork as usize + 1..].iter().flat_map(|block| block.transactions().to_vec());
        let mut candidates: Vec<Arc<Transaction>> = undone.chain(self.node.waiting()).collect();
        candidates.extend(self.owners[0].model.records.iter().map(|record| record.transaction.clone()));
        let age = |coin: &UnspentCoin| Height::from_u32(fork + 1).since(coin.height).unwrap_or(0);
        let is_spendable =
            |at: &OutPoint| below.unspent.get(at).is_some_and(|coin| !coin.is_mined || age(coin) >= MATURITY);
        let coins: Vec<OutPoint> =
            candidates.iter().flat_map(|one| one.inputs().to_vec()).filter(|at| is_spendable(at)).collect();
        let rival = rival.and_then(|pick| pick_of(coins.iter(), pick)).map(|at| {
            let coin = &below.unspent[at];
            signed(*at, coin, vec![Output { lock: accounts::lock(7), ..coin.output.clone() }])
        });
        let mut parent = blocks[fork as usize].hash();
        let mut transactions: Vec<Arc<Transaction>> = rival.into_iter().collect();
        for _ in 0..=(tip - fork) {
            parent = self.node.mine_on(parent, std::mem::take(&mut transactions), accounts::lock(9));
        }
        assert_eq!(self.node.best_chain().last().map(|block| block.hash()), Some(parent));
    }

    /// A copy from the words alone has the balance of one that has nothing of its own in hand, the same
    /// history, and the same ability to pay: it plays the second copy from here on.
    fn restore(&mut self) {
        let genesis = Book::load(&self.owners[0].files()).expect("readable").genesis;
        self.owners[1] = Owner::new(genesis);
        let owner = &mut self.owners[1];
        owner.model.look(&self.node, self.run);
        let mut session = Session::load(owner.files()).expect("readable");
        let restored = follow::look(&mut session, &self.node, Some(&KEYS), 400).expect("a search");
        drop(session);
        let (_, original) = self.look(0);
        assert_eq!(restored.scan.history(), original.scan.history());
        assert_eq!(restored.incoming, original.incoming);
    }
}

/// One of a list, by any number.
fn pick_of<T>(list: impl Iterator<Item = T>, pick: usize) -> Option<T> {
    let mut list: Vec<T> = list.collect();
    if list.is_empty() { None } else { Some(list.swap_remove(pick % list.len())) }
}

/// A transaction that spends one coin, ours or the stranger's, signed.
fn signed(at: OutPoint, coin: &UnspentCoin, outputs: Vec<Output>) -> Arc<Transaction> {
    let key = match LOCKS.get(&coin.output.lock) {
        Some((branch, index)) => KEYS.signing_key(*branch, *index),
        None => accounts::signing_key(STRANGER),
    };
    let body = TransactionBody { inputs: vec![at], outputs, lock_time: LockTime::Immediate };
    let genesis = cairn_genesis::Chain::builtin("regtest").expect("built in").params.genesis_hash;
    let digest = signature_digest(&genesis, &body, std::slice::from_ref(&coin.output));
    Arc::new(Transaction::new(body, vec![sign(&key, &digest)]))
}

fn play(steps: &[Step]) {
    let mut world = World::new();
    for step in steps {
        world.do_step(step);
        world.check(0);
        world.check(1);
    }
    // All there is can be paid at once, if it is not part of a chain that is too long.
    world.node.mine(true, accounts::lock(9));
    for by in [0, 1] {
        world.send(by, 100, false);
        world.check(by);
    }
}

/// Steps of one history.
const LENGTH: usize = 125;

fn histories(count: u32) {
    let config = ProptestConfig { cases: count, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in prop::collection::vec(step(), LENGTH))| play(&steps));
    let met = MET.lock().expect("no panic");
    assert_eq!(met.len(), 8, "every state is met: {met:?}");
    assert!(met.values().all(|count| *count >= 20), "{met:?}");
}

// 10,000 steps and more, shared by four processes.

#[test]
fn a_wallet_shows_and_does_what_the_model_says_in_random_histories_1() {
    histories(21);
}

#[test]
fn a_wallet_shows_and_does_what_the_model_says_in_random_histories_2() {
    histories(21);
}

#[test]
fn a_wallet_shows_and_does_what_the_model_says_in_random_histories_3() {
    histories(21);
}

#[test]
fn a_wallet_shows_and_does_what_the_model_says_in_random_histories_4() {
    histories(21);
}
