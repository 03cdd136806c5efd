//! Fuzz target.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_tests::fuzzing::rules::block(bytes));
