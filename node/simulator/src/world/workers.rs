//! Threads that work beside the one that runs a world. They stay for the whole run: a thread for each
//! window would cost more than most windows hold, and leave its memory for others to take over.

use core::cell::OnceCell;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// The calling thread and those beside it.
#[derive(Default)]
pub struct Workers {
    /// How many there are beside the calling one.
    beside: usize,
    /// Started when there is work for them, as most worlds are too small for it.
    pool: OnceCell<Option<ThreadPool>>,
}

impl Workers {
    /// Workers of this many threads, the calling one among them.
    pub const fn new(threads: usize) -> Self {
        Self { beside: threads.saturating_sub(1), pool: OnceCell::new() }
    }

    /// How many threads there are.
    pub const fn count(&self) -> usize {
        1 + self.beside
    }

    /// Those beside the calling one; none where there are to be none, or the system gives none.
    fn pool(&self) -> Option<&ThreadPool> {
        let start = || ThreadPoolBuilder::new().num_threads(self.beside).build().ok();
        self.pool.get_or_init(|| (self.beside > 0).then(start).flatten()).as_ref()
    }

    /// Does the same to every part at one time, and returns what came of each in the order of parts.
    pub fn on_all<P: Send, R: Send>(&self, parts: Vec<P>, work: impl Fn(P) -> R + Sync) -> Vec<R> {
        let Some(pool) = self.pool() else { return parts.into_iter().map(work).collect() };
        let mut results: Vec<Option<R>> = parts.iter().map(|_| None).collect();
        pool.in_place_scope(|scope| {
            let mut parts = parts.into_iter().zip(&mut results);
            let own = parts.next();
            for (part, result) in parts {
                scope.spawn(|_| *result = Some(work(part)));
            }
            if let Some((part, result)) = own {
                *result = Some(work(part));
            }
        });
        results.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_parts_whoever_works_on_them() {
        for threads in [0, 1, 2, 5] {
            let workers = Workers::new(threads);
            assert_eq!(workers.count(), threads.max(1));
            let squares = workers.on_all((0..9_u32).collect(), |part| part * part);
            assert_eq!(squares, [0, 1, 4, 9, 16, 25, 36, 49, 64]);
        }
    }
}
