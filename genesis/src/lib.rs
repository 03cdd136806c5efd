//! Which chain this is: definitions, and the genesis block each one makes.
