//! What the chain is: types, hashing, proof of work, validation. No I/O, no clock, no float.
