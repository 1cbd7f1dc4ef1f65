//! Questions that make no sense: each is refused with 400 and a text, none breaks anything.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    sentence::should,
    universe::{Universe, hold, raw},
};
use crate::{
    checks::property,
    suite::{Check, Context, Exchange, Outcome},
};

pub(super) fn checks() -> Vec<Check> {
    let mut checks = vec![
        should(
            "malformed/cut-off",
            "2.1",
            "A question that is cut off anywhere is refused with 400 and the reason.",
        )
        .run(|context| {
            let drawn = |universe: &Arc<Universe>| (universe.conditions(), any::<prop::sample::Index>());
            hold(context, "netquery cut", drawn, |universe, (condition, at)| async move {
                let text = json!({ "select": ["id"], "query": condition, "orderBy": "id", "pageSize": 1 })
                    .to_string();
                let chars: Vec<char> = text.chars().collect();
                let cut: String = chars[..at.index(chars.len())].iter().collect();
                refused(&raw(universe.context(), "netquery/query", cut).await?, "invalid query: ")
            })
        }),
        should(
            "malformed/any-text",
            "2.1",
            "Any text at all is answered: with rows, or with 400 and the reason.",
        )
        .run(async |context| {
            let asking = context.clone();
            property::hold(
                &context,
                "netquery text",
                property::USUAL,
                || {
                    let piece = one_of![
                        "\\PC{0,8}",
                        prop::sample::select(vec![
                            "{", "}", "[", "]", ":", ",", "\"", "null", "1e400", "\\u0000", "select",
                            "\"query\"", "-"
                        ])
                        .prop_map(str::to_owned),
                    ];
                    let texts = prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
                    Ok(texts)
                },
                move |text| {
                    let context = asking.clone();
                    async move {
                        let exchange = raw(&context, "netquery/query", text).await?;
                        if exchange.status_in(&[200, 400])?.response.status == 400 {
                            return refused(&exchange, "");
                        }
                        exchange.json().map(drop)
                    }
                },
            )
            .await
        }),
        should(
            "malformed/unknown-column",
            "2.2",
            "A column that does not exist is refused wherever it stands.",
        )
        .run(async |context| {
            let asking = context.clone();
            let names = "[a-z]{1,8}_?[A-Z%;'\" ]{1,3}";
            property::hold(
                &context,
                "netquery column",
                // Each is four questions.
                [16; 2],
                move || Ok(names),
                move |name: String| {
                    let context = asking.clone();
                    async move { unknown_column(&context, &name).await }
                },
            )
            .await
        }),
        should("malformed/wrong-type", "2.1", "A member of the wrong type is refused.").run(
            async |context| {
                let asking = context.clone();
                property::hold(
                    &context,
                    "netquery type",
                    property::USUAL,
                    || Ok(wrong_types()),
                    move |question| {
                        let context = asking.clone();
                        async move {
                            let exchange = raw(&context, "netquery/query", question.to_string()).await?;
                            refused(&exchange, "invalid query: ")
                        }
                    },
                )
                .await
            },
        ),
    ];
    for (id, matcher, reason) in [
        ("no-operator", json!({}), "invalid query: invalid query matcher: no conditions specified\n"),
        (
            "unknown-operator",
            json!({ "$conformance": 1 }),
            "invalid query: invalid query matcher: no conditions specified\n",
        ),
        ("nested-list", json!([[1]]), "invalid query: invalid token [ in query for column domain\n"),
    ] {
        let sentence = format!("The condition {matcher} is refused with the reason.");
        checks.push(should(&format!("malformed/{id}"), "2.1", &sentence).run(move |context| {
            let question = json!({ "query": { "domain": matcher } });
            async move {
                let exchange = raw(&context, "netquery/query", question.to_string()).await?;
                exchange.error(400, reason)?;
                Ok(())
            }
        }));
    }
    checks
}

/// Expects 400 with a text that begins like this.
fn refused(exchange: &Exchange, prefix: &str) -> Outcome {
    let text = exchange.status(400)?.plain_text()?.response.text();
    let right = text.starts_with(prefix) && text.ends_with('\n') && text.len() > 1;
    exchange.expect(right, format!("a reason in a line that begins with {prefix:?}"))?;
    Ok(())
}

async fn unknown_column(context: &Context, name: &str) -> Outcome {
    for (question, prefix) in [
        (json!({ "select": [name] }), "perparing selected fields: "),
        (json!({ "query": { name: 1 } }), "generating where clause: "),
        (json!({ "groupBy": [name] }), "generating group-by clause: "),
        (json!({ "orderBy": name }), "generating order-by clause: "),
    ] {
        refused(&raw(context, "netquery/query", question.to_string()).await?, prefix)?;
    }
    Ok(())
}

/// Questions with one member of a wrong type.
fn wrong_types() -> impl Strategy<Value = Value> {
    let text = || one_of![Just(json!(7)), Just(json!(true)), Just(json!(0.5))];
    let whole =
        one_of![Just(json!("7")), Just(json!([7])), Just(json!(1.5)), Just(json!({})), Just(json!(true))];
    let list = one_of![Just(json!("id")), Just(json!(7)), Just(json!({ "a": 1 })), Just(json!(true))];
    one_of![
        whole.clone().prop_map(|value| json!({ "pageSize": value })),
        whole.prop_map(|value| json!({ "page": value })),
        list.clone().prop_map(|value| json!({ "groupBy": value })),
        text().prop_map(|value| json!({ "orderBy": { "field": value } })),
        text().prop_map(|value| json!({ "select": [{ "field": value }] })),
        text().prop_map(|value| json!({ "textSearch": { "fields": ["domain"], "value": value } })),
        text().prop_map(|value| json!({ "query": value })),
        list.prop_map(|value| json!({ "query": { "domain": { "$in": value } } })),
        text().prop_map(|value| json!({ "query": { "domain": { "$like": value } } })),
    ]
}
