//! A choice between strategies, as proptest's `prop_oneof!` makes it and with the same draws, but of one type: what
//! proptest makes of every choice, its lazy trees and their shrinking, is a type of its own and compiled anew.

/// One of several strategies, each with a weight or all alike.
macro_rules! one_of {
    ($($weight:expr => $strategy:expr),+ $(,)?) => {
        proptest::strategy::Union::new_weighted(vec![
            $(($weight, proptest::strategy::Strategy::boxed($strategy))),+
        ])
    };
    ($($strategy:expr),+ $(,)?) => { one_of![$(1 => $strategy),+] };
}
