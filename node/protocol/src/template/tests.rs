//! Templates pass the chain's own rules and earn the most.
