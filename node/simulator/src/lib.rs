//! A world of many nodes in virtual time.
