//! The recorder: both engines tell it what happens, and it knows in the end what came of it.
//!
//! Times are milliseconds since the run began. Whoever tells keeps to the order of time.

pub mod agreement;
pub mod blocks;
pub mod branches;
pub mod conclude;
pub mod contact;
pub mod notes;
pub mod rivals;
pub mod spread;
pub mod steps;
pub mod tips;
pub mod under_way;

pub use notes::Recorder;
