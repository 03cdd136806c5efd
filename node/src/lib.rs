//! What a node does: driver, store, network, RPC, miner, devnet; and the program cairn.
