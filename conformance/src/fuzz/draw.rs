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
