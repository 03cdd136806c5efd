//! What a node decides: chain, mempool, relay, sync, peers, template. Sans-IO.
