//! The page that `cairn devnet` and every node serve, in a real browser and as the wire sees it.

#[path = "dashboard/agreement.rs"]
mod agreement;
#[path = "dashboard/elsewhere.rs"]
mod elsewhere;
#[path = "dashboard/explorer.rs"]
mod explorer;
#[path = "dashboard/ground.rs"]
mod ground;
#[path = "dashboard/hands.rs"]
mod hands;
#[path = "dashboard/partition.rs"]
mod partition;
#[path = "dashboard/rooms.rs"]
mod rooms;
#[path = "dashboard/scenarios.rs"]
mod scenarios;
#[path = "dashboard/security.rs"]
mod security;
#[path = "dashboard/silence.rs"]
mod silence;
#[path = "dashboard/strangers.rs"]
mod strangers;
#[path = "dashboard/tree.rs"]
mod tree;
#[path = "dashboard/windows.rs"]
mod windows;
