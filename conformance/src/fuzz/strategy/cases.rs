//! Cases of a scope: of each kind so many.

use portmaster_fixtures::Endpoint;
use proptest::{prelude::*, strategy::Union};

use super::{asks, meetings, raw, sequences, talks};
use crate::{
    checks::sample,
    fuzz::{
        case::{Case, Step},
        expectations::Expectations,
        scope::Scope,
    },
};

/// Cases of a scope.
pub(crate) fn cases(scope: &Scope) -> BoxedStrategy<Case> {
    let mut all: Vec<(u32, BoxedStrategy<Case>)> = vec![];
    let one = |step: BoxedStrategy<Step>| step.prop_map(|step| Case { steps: vec![step] }).boxed();
    let asked: Vec<&Endpoint> = scope.selected();
    if !asked.is_empty() {
        let weight = |endpoint: &Endpoint| Expectations::get().weight(&sample::slug(&endpoint.path));
        let inside =
            asked.iter().map(|one| (weight(one), asks::inside(scope, one).prop_map(Step::Ask).boxed()));
        all.push((60, one(Union::new_weighted(inside.collect()).boxed())));
        let around = asked.iter().map(|one| asks::around(scope, one).prop_map(Step::Ask).boxed());
        all.push((10, one(Union::new(around).boxed())));
        if scope.compares() {
            let alone: Vec<_> = asked.iter().flat_map(|one| asks::parameter(scope, one)).collect();
            if !alone.is_empty() {
                all.push((6, one(Union::new(alone).prop_map(Step::Ask).boxed())));
            }
            all.extend(sequences::ends(scope, &asked).map(|ends| (8, ends)));
            all.extend(sequences::again(scope, &asked).map(|again| (4, again)));
            all.extend(sequences::settings(scope, &asked).map(|settings| (4, settings)));
        }
        all.push((8, sequences::ladder(scope, &asked)));
        all.push((8, sequences::sequence(scope, &asked)));
    }
    let netquery: Vec<_> = asked.iter().filter(|one| one.path.starts_with("netquery/")).collect();
    if !netquery.is_empty() {
        let queries = netquery.iter().map(|one| asks::inside(scope, one).prop_map(Step::Ask).boxed());
        all.push((12, one(Union::new(queries).boxed())));
    }
    if scope.wants("pages") {
        all.push((4, one(asks::elsewhere(scope).prop_map(Step::Ask).boxed())));
    }
    if scope.wants("raw") {
        all.push((1, one(raw::bytes(scope).prop_map(Step::Raw).boxed())));
    }
    if scope.wants("websocket") {
        all.push((9, one(talks::talk(scope).prop_map(Step::Talk).boxed())));
        if scope.compares() {
            all.push((2, one(asks::door(scope).prop_map(Step::Ask).boxed())));
        }
    }
    if scope.meets() {
        all.push((6, meetings::meetings(scope)));
    }
    Union::new_weighted(all).boxed()
}
