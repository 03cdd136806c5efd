//! The program `cairn`: what is typed, what the commands do, the devnet of many nodes on one machine, and its
//! view in a terminal. One node is `cairn-daemon`.

pub mod cli;
pub mod commands;
pub mod devnet;
pub mod plan_file;
pub mod top;

/// Of the program, and of the one that tests run. A simulated world is millions of small things that come and
/// go: with the system's allocator it takes half as long again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
