//! The case of a number.

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{case::Case, subject::Subject};

/// How many cases make an epoch: what a simulator lives to see before the next one begins anew.
pub(super) const EPOCH: u64 = 400;
/// The tree of a case: the same for the same seed and number.
pub(super) fn tree(
    strategy: &BoxedStrategy<Case>,
    seed: u64,
    number: u64,
) -> Option<impl ValueTree<Value = Case>> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    strategy.new_tree(&mut TestRunner::new_with_rng(config(), rng)).ok()
}

fn config() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}

/// A case, if it may be sent.
pub(super) fn draw(strategy: &BoxedStrategy<Case>, subject: &Subject, number: u64) -> Option<Case> {
    let case = tree(strategy, subject.seed, number)?.current();
    subject.scope.permits(&case).then_some(case)
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Contract;

    use super::*;
    use crate::{
        fuzz::{
            case::{Sent, Step},
            scope::Scope,
            strategy,
        },
        suite::{Allowed, Tier},
    };

    /// The messages of the first conversations of a seed.
    fn messages(conversations: u64) -> Vec<String> {
        let only = vec!["websocket".to_owned()];
        let endpoints = Contract::V2_2.endpoints();
        let tiers = Tier::ALL.to_vec();
        let scope = Scope::new(Contract::V2_2, endpoints, tiers, Allowed::ALL, false, false, only).unwrap();
        let strategy = strategy::cases(&scope);
        let steps = (0..conversations)
            .filter_map(|number| tree(&strategy, 1, number))
            .flat_map(|tree| tree.current().steps);
        let frames = steps.flat_map(|step| match step {
            Step::Talk(talk) => talk.frames,
            _ => vec![],
        });
        let texts = frames.filter_map(|sent| match sent {
            Sent::Message(bytes) => String::from_utf8(bytes.0).ok(),
            _ => None,
        });
        texts.collect()
    }

    /// What brings down parsers that walk down by recursion, compare wildcards by trying everything, or fill lists.
    #[test]
    fn what_brings_parsers_down_is_drawn() {
        let all = messages(4000);
        let has = |words: &[String]| all.iter().any(|text| words.iter().all(|word| text.contains(word)));
        assert!(has(&["|query|".to_owned(), "(".repeat(1_000)]), "nested groups");
        assert!(has(&["where ".to_owned(), "a.".repeat(1_000)]), "a deep selector");
        assert!(has(&["|insert|".to_owned(), "a.".repeat(1_000)]), "a deep path");
        for leads in ["where ", "|insert|core:fuzz/long|"] {
            assert!(has(&[leads.to_owned(), "*a".repeat(12)]), "wildcards behind {leads}");
        }
        assert!(has(&["|create|core:fuzz/long|".to_owned(), "a".repeat(90)]), "a long name");
        // A list is made first, and the element is one that memory has no room for.
        let far = |text: &String| text.ends_with("|insert|core:fuzz/long|{\"l.4000000000\":1}");
        let made = |text: &String| text.contains("|create|core:fuzz/long|J{\"l\":[],");
        assert!(all.windows(2).any(|two| made(&two[0]) && far(&two[1])), "a far element of a list");
    }
}
