//! What the simulator and the suite of checks both say on the wire, read from it or need around it, written once. It knows
//! neither of them, and nothing of Portmaster.

pub mod answer;
pub mod ends;
pub mod folder;
pub mod har;
pub mod link;
pub mod percent;
pub mod secret;
pub mod shell;
pub mod together;
pub mod wildcard;
