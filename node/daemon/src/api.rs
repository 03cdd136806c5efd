//! Types of what crosses the border of a process: events and replies of a node, and a client that reads them.
//! The node writes and our other programs read the same types, so no field is spelled twice.

pub mod client;
pub mod decimal;
pub mod event;
pub mod replies;
pub mod status;
pub mod tagged;
