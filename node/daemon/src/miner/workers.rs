//! Workers: threads that search the nonce of a block, and drop it at once for another.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use cairn_core::block::Block;
use cairn_genesis::hashrate::Hashrate;
use cairn_genesis::programs::held::held;
use tokio::sync::mpsc;

use crate::miner::throttle::{STEP, Throttle};
use crate::search::{Engine, Job};

/// Nonces between two checks whether the work is stale: a millisecond or less.
const CHUNK: u64 = 8_192;
/// Below this rate one thread does all the work: the others would only wake up to pause again.
const SOLO_BELOW: Hashrate = Hashrate::per_second(1_000_000);

/// A block whose nonce is searched.
#[derive(Debug)]
struct Work {
    block: Block,
    job: Job,
}

/// The assignment of the workers.
#[derive(Debug, Default)]
struct Assignment {
    work: Option<Arc<Work>>,
    /// The limit to the hash rate of all together; none for as fast as possible.
    hashrate: Option<Hashrate>,
    /// Number of the assignment. Workers drop their work when it changes.
    number: u64,
    is_over: bool,
}

/// The part of one thread in an assignment.
struct Task {
    work: Arc<Work>,
    hashrate: Option<Hashrate>,
    /// Number of the assignment.
    number: u64,
}

#[derive(Debug)]
struct Shared {
    assignment: Mutex<Assignment>,
    changed: Condvar,
    /// The assignment's number, to be read without the lock.
    number: AtomicU64,
    hashes: AtomicU64,
    /// The next nonce to be searched: no two workers search the same.
    next_nonce: AtomicU64,
    threads: u64,
    found: mpsc::Sender<Block>,
}

/// Threads that mine. They end when this is dropped.
#[derive(Debug)]
pub struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts idle threads. They send the blocks that they find to `found`, and begin at `first_nonce`, which
    /// is another for each miner.
    pub fn start(threads: usize, first_nonce: u64, found: mpsc::Sender<Block>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            assignment: Mutex::default(),
            changed: Condvar::new(),
            number: AtomicU64::new(0),
            hashes: AtomicU64::new(0),
            next_nonce: AtomicU64::new(first_nonce),
            threads: threads.max(1) as u64,
            found,
        });
        let mut workers = Self { shared, threads: Vec::with_capacity(threads) };
        for index in 0..threads.max(1) {
            let shared = workers.shared.clone();
            let thread = std::thread::Builder::new().name(format!("miner-{index}"));
            // A failure drops `workers`, which ends the threads that run.
            workers.threads.push(thread.spawn(move || shared.run(index == 0))?);
        }
        Ok(workers)
    }

    /// Sets the block to search, or none to pause. The block before is dropped.
    pub fn set_block(&self, block: Option<Block>) {
        let work = block.and_then(|block| {
            let job = Job::new(*block.header())?;
            Some(Arc::new(Work { block, job }))
        });
        self.shared.assign(|assignment| assignment.work = work);
    }

    /// Sets the limit to the hash rate of all together; none for as fast as possible.
    pub fn set_hashrate(&self, hashrate: Option<Hashrate>) {
        self.shared.assign(|assignment| assignment.hashrate = hashrate);
    }

    /// The number of hashes so far.
    pub fn hashes(&self) -> u64 {
        self.shared.hashes.load(Ordering::Relaxed)
    }

    /// The number of threads.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.assign(|assignment| assignment.is_over = true);
        for thread in self.threads.drain(..) {
            // A worker that panicked has no result.
            let _ended: Result<(), _> = thread.join();
        }
    }
}

impl Shared {
    fn assign(&self, change: impl FnOnce(&mut Assignment)) {
        let mut assignment = held(&self.assignment);
        change(&mut assignment);
        assignment.number += 1;
        self.number.store(assignment.number, Ordering::Release);
        drop(assignment);
        self.changed.notify_all();
    }

    /// Runs a worker until there are no more assignments.
    fn run(&self, is_first: bool) {
        let begun = Instant::now();
        let mut throttle: Option<Throttle> = None;
        loop {
            let Some(Task { work, hashrate, number }) = self.next_task(is_first) else { return };
            // An assignment with the same rate must not forget hashes that were done too early.
            throttle = match (throttle, hashrate) {
                (Some(old), Some(rate)) if old.rate() == rate => Some(old),
                (_, rate) => rate.map(|rate| Throttle::new(rate, begun.elapsed())),
            };
            if let Some(nonce) = self.search(&work.job, number, begun, throttle.as_mut()) {
                self.send(&work, nonce, number);
            }
        }
    }

    /// Waits for a task; none when the workers end.
    fn next_task(&self, is_first: bool) -> Option<Task> {
        let mut assignment = held(&self.assignment);
        loop {
            if assignment.is_over {
                return None;
            }
            let may_work = is_first || assignment.hashrate.is_none_or(|rate| rate >= SOLO_BELOW);
            if let Some(work) = assignment.work.clone()
                && may_work
                && assignment.hashrate != Some(Hashrate::NONE)
            {
                // A fast throttled miner shares its rate among its threads.
                let hashrate = assignment.hashrate.map(|rate| self.share(rate, is_first));
                return Some(Task { work, hashrate, number: assignment.number });
            }
            assignment = self.changed.wait(assignment).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A thread's share of the rate; the first takes the remainder.
    fn share(&self, rate: Hashrate, is_first: bool) -> Hashrate {
        if rate < SOLO_BELOW {
            return rate;
        }
        let threads = self.threads;
        Hashrate(rate.0 / threads + if is_first { rate.0 % threads } else { 0 })
    }

    /// Searches until a nonce is found or there is another assignment.
    fn search(
        &self,
        job: &Job,
        number: u64,
        begun: Instant,
        mut throttle: Option<&mut Throttle>,
    ) -> Option<u64> {
        let engine = Engine::best();
        while self.number.load(Ordering::Acquire) == number {
            let count = throttle.as_mut().map_or(CHUNK, |throttle| throttle.due(begun.elapsed()).min(CHUNK));
            if count == 0 {
                self.pause(number);
                continue;
            }
            let start = self.next_nonce.fetch_add(count, Ordering::Relaxed);
            let found = job.search(engine, start, count);
            let done = found.map_or(count, |nonce| nonce.wrapping_sub(start).saturating_add(1));
            self.hashes.fetch_add(done, Ordering::Relaxed);
            if let Some(throttle) = throttle.as_mut() {
                throttle.spend(done);
            }
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Pauses for one step of the throttle, or until there is another assignment.
    fn pause(&self, number: u64) {
        let assignment = held(&self.assignment);
        if assignment.number == number {
            let _woken = self.changed.wait_timeout(assignment, STEP);
        }
    }

    /// Sends a block, unless another worker or another assignment was faster; then all pause until there is new
    /// work, so that no worker mines its sibling.
    fn send(&self, work: &Work, nonce: u64, number: u64) {
        let mut assignment = held(&self.assignment);
        if assignment.number != number {
            return;
        }
        assignment.work = None;
        assignment.number += 1;
        self.number.store(assignment.number, Ordering::Release);
        drop(assignment);
        // A receiver that is gone or has not received the last blocks yet does not need this one.
        let _unwanted: Result<(), _> = self.found.try_send(work.block.clone().with_nonce(nonce));
    }
}

#[cfg(test)]
mod tests;
