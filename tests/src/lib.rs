//! What must be true of the whole: real processes, hostile peers, scenarios.
