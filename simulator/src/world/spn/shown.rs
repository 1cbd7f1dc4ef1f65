//! The account as records and broadcasts show it, and who hears of it.

use portmaster_fixtures::{RecordForm, scenario::Plan};
use serde_json::{Map, Value, json};

use super::Account;
use crate::world::{
    Meta, Record, World,
    records::{ACCOUNT, TOKEN},
};

impl World {
    /// The record of the account of a person who is logged in (websocket §5.2).
    pub fn account_record(&self) -> Option<Record> {
        if let Some(written) = self.written(ACCOUNT) {
            return Some(Record::clone(written));
        }
        let account = self.account()?;
        let meta = Meta { modified: account.updated.as_second(), ..Meta::made(account.created) };
        Some(Record::of(ACCOUNT, meta, Value::Object(self.account_fields(account))))
    }

    /// Whether there is a token that the provider gave, which no client may see (websocket §5.2).
    pub fn hides_token(&self) -> bool {
        self.account().is_some_and(|account| account.token) && self.written(TOKEN).is_none()
    }

    /// Tells of the account, or, where nobody is logged in any more, that this record is gone.
    pub(in crate::world) fn tell_account(&mut self, before: Option<Record>) {
        self.tell_of(|world| {
            world.account_record().or_else(|| before.map(|record| record.deleted(world.now())))
        });
    }

    /// An account's members.
    pub fn account_fields(&self, account: &Account) -> Map<String, Value> {
        if let Some(written) = &account.written {
            return written.clone();
        }
        let late = self.behaviour.record_form == RecordForm::Late;
        let paid = account.is_paid(self.now());
        let mut subscription = Map::new();
        subscription.insert("ends_at".to_owned(), json!(account.ends));
        subscription.insert("state".to_owned(), if paid { "active" } else { "inactive" }.into());
        if late {
            subscription.insert("next_billing_date".to_owned(), json!(account.next_billing));
            subscription.insert("payment_provider".to_owned(), json!(account.payment_provider));
        }
        let current = account.plan.as_ref().map(|one| plan(one, late));
        let next = account.plan.as_ref().filter(|one| late && one.renewable).map(|one| plan(one, late));
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
        put("username", json!(account.username));
        put("state", json!(account.state.word()));
        put("balance", json!(account.balance));
        put("device", json!({ "name": account.device.name, "id": account.device.id }));
        put("subscription", if current.is_some() { subscription.into() } else { Value::Null });
        put("current_plan", current.into());
        put("next_plan", next.into());
        if late {
            put("view", view());
            put("LastNotifiedOfEnd", Value::Null);
        }
        put("LoggedInAt", json!(account.logged_in));
        out
    }
}

fn plan(plan: &Plan, late: bool) -> Value {
    let mut out = json!({
        "name": plan.name,
        "amount": plan.amount,
        "months": plan.months,
        "renewable": plan.renewable,
    });
    if late {
        out["feature_ids"] = json!(plan.features);
    }
    out
}

/// What user interfaces show of an account in which somebody is logged in.
fn view() -> Value {
    json!({
        "Message": "",
        "ShowAccountData": true,
        "ShowAccountButton": true,
        "ShowLoginButton": false,
        "ShowRefreshButton": true,
        "ShowLogoutButton": true,
    })
}
