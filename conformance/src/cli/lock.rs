//! One run at a time on one target: two would see what the other changes.

use std::fs::{File, OpenOptions, TryLockError};

use super::trouble::Trouble;
use crate::target::Address;

/// Holds the target until it is dropped. The system lets go of it when the program ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the target for this run.
    pub(super) fn take(address: &Address) -> Result<Self, Trouble> {
        let name: String =
            address.to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let path = std::env::temp_dir().join(format!("portmaster-conformance-{name}.lock"));
        let cannot = |fault: &dyn std::fmt::Display| {
            Trouble::Usage(format!("cannot lock {}: {fault}", path.display()))
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|fault| cannot(&fault))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Trouble::Usage(format!(
                "another run is checking {address}; two at once would see what the other changes"
            ))),
            Err(TryLockError::Error(fault)) => Err(cannot(&fault)),
        }
    }
}
