//! What the mempool takes in, keeps and lets go.
