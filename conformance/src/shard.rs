//! Parts of a run: which machine carries out which check.
//!
//! A check belongs to the part `h mod n + 1`, where `h` is the first eight bytes of the SHA-256 of its id, as a
//! big-endian number. So a check stays in its part when others are added or renamed, and anybody can say in
//! which part a check is.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The part of the selected checks that a report is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Part {
    /// Which part it is, counted from 1.
    pub part: u32,
    /// How many parts there are.
    pub of: u32,
    /// How many checks all parts have together.
    pub checks: usize,
    /// Where the checks of this report stand among all of them, counted from 0.
    pub places: Vec<usize>,
}

/// One of `of` parts, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    part: u32,
    of: u32,
}

impl Shard {
    /// The only part of a whole.
    pub const WHOLE: Self = Self { part: 1, of: 1 };

    /// Which part it is, counted from 1.
    pub fn part(self) -> u32 {
        self.part
    }

    /// How many parts there are.
    pub fn of(self) -> u32 {
        self.of
    }

    /// What a report of this part says of it, when `ids` are those of all selected checks.
    pub fn part_of(self, ids: &[impl AsRef<str>]) -> Part {
        let held = ids.iter().enumerate().filter(|(_, id)| self.holds(id.as_ref()));
        let places = held.map(|(place, _)| place).collect();
        Part { part: self.part, of: self.of, checks: ids.len(), places }
    }

    /// Whether the check of that id belongs to this part.
    pub fn holds(self, id: &str) -> bool {
        let digest = Sha256::digest(id.as_bytes());
        let first: [u8; 8] = std::array::from_fn(|at| digest[at]);
        u64::from_be_bytes(first) % u64::from(self.of) == u64::from(self.part - 1)
    }

    /// The number of the thing that this part's turn brings, when things that are counted from 0 are dealt out in turn.
    pub(crate) fn turn(self, turn: u64) -> u64 {
        turn * u64::from(self.of) + u64::from(self.part - 1)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u32>().ok();
        let (part, of) = text
            .split_once('/')
            .and_then(|(part, of)| Some((number(part)?, number(of)?)))
            .ok_or("expected PART/PARTS, for example 1/4")?;
        match part {
            0 => Err("parts are counted from 1".to_owned()),
            _ if part > of => Err(format!("there is no part {part} of {of}")),
            _ => Ok(Self { part, of }),
        }
    }
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Contract;

    use super::*;
    use crate::checks;

    fn part_of(id: &str, of: u32) -> Vec<u32> {
        (1..=of).filter(|&part| Shard { part, of }.holds(id)).collect()
    }

    #[test]
    fn parts_are_written_from_one_up() {
        assert_eq!("2/3".parse::<Shard>().unwrap().to_string(), "2/3");
        for (text, wanted) in [
            ("0/3", "parts are counted from 1"),
            ("4/3", "there is no part 4 of 3"),
            ("3", "expected PART/PARTS, for example 1/4"),
            ("-1/3", "expected PART/PARTS, for example 1/4"),
            ("1/0", "there is no part 1 of 0"),
        ] {
            assert_eq!(text.parse::<Shard>().unwrap_err(), wanted);
        }
    }

    #[test]
    fn parts_are_what_they_have_always_been() {
        // printf %s actions/ping | sha256sum
        assert_eq!(part_of("actions/ping", 4), [1]);
    }

    #[test]
    fn every_check_is_in_one_part_and_parts_are_of_like_size() {
        let checks = checks::all(Contract::Docs);
        let mut sizes = [0_usize; 4];
        for check in &checks {
            let parts = part_of(&check.id, 4);
            assert_eq!(parts.len(), 1, "{}", check.id);
            sizes[parts[0] as usize - 1] += 1;
        }
        assert!(sizes.iter().all(|size| size.abs_diff(checks.len() / 4) < checks.len() / 20), "{sizes:?}");
    }
}
