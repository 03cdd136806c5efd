//! Strategies of attackers. Their nodes run the code of all nodes; a
//! strategy decides what leaves them, and what they mine on.

pub mod attackers;
pub mod double_spend;
pub mod gate;
pub mod selfish;
