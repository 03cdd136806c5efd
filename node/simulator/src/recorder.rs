//! The recorder: both engines report to it what happens, and it makes a report of that in the end.

pub mod agreement;
pub mod arrivals;
pub mod blocks;
pub mod branches;
pub mod conclude;
pub mod payment_log;
pub mod reachability;
pub mod record;
pub mod timeline;
pub mod tips;

pub use record::Recorder;
