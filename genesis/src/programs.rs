//! What node and wallet programs share: where they keep files and how they replace them, which variables they
//! read, which devnets run, how it locks what threads share, and how a program ends.

pub mod environment;
pub mod exit;
pub mod files;
pub mod held;
pub mod home;
pub mod running;
