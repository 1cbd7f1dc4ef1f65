//! The account that a client wrote over the websocket: a core reads its own record there (websocket §5.2, core-1.x §7.3).

use jiff::Timestamp;
use portmaster_fixtures::{
    RecordForm,
    scenario::{AccountState, Device, Plan},
};
use serde_json::{Map, Value};

use super::{Account, Spn, account::device};
use crate::{
    go::structure::{Structure, Type},
    world::{
        Body, World,
        record::JSON,
        records::{ACCOUNT, TOKEN},
    },
};

const DEVICE: Structure = Structure {
    holder: "Device",
    name: "account.Device",
    fields: &[("name", Type::Text("string")), ("id", Type::Text("string"))],
};

const SUBSCRIPTION: Structure = Structure {
    holder: "Subscription",
    name: "account.Subscription",
    fields: &[
        ("ends_at", Type::Any),
        ("state", Type::Text("string")),
        ("next_billing_date", Type::Any),
        ("payment_provider", Type::Text("string")),
    ],
};

/// Early cores have no more than its beginning.
const EARLY_SUBSCRIPTION: Structure = Structure { fields: SUBSCRIPTION.fields.split_at(2).0, ..SUBSCRIPTION };

const PLAN: Structure = Structure {
    holder: "Plan",
    name: "account.Plan",
    fields: &[
        ("name", Type::Text("string")),
        ("amount", Type::Int("int")),
        ("months", Type::Int("int")),
        ("renewable", Type::Bool),
        ("feature_ids", Type::Any),
    ],
};

/// Early cores have no more than its beginning.
const EARLY_PLAN: Structure = Structure { fields: PLAN.fields.split_at(4).0, ..PLAN };

const VIEW: Structure = Structure {
    holder: "View",
    name: "account.View",
    fields: &[
        ("Message", Type::Text("string")),
        ("ShowAccountData", Type::Bool),
        ("ShowAccountButton", Type::Bool),
        ("ShowLoginButton", Type::Bool),
        ("ShowRefreshButton", Type::Bool),
        ("ShowLogoutButton", Type::Bool),
    ],
};

const EARLY_USER: Structure = Structure {
    holder: "User",
    name: "account.User",
    fields: &[
        ("username", Type::Text("string")),
        ("state", Type::Text("string")),
        ("balance", Type::Int("int")),
        ("device", Type::One(&DEVICE)),
        ("subscription", Type::One(&EARLY_SUBSCRIPTION)),
        ("current_plan", Type::One(&EARLY_PLAN)),
        ("next_plan", Type::One(&EARLY_PLAN)),
        ("LoggedInAt", Type::Any),
    ],
};

const USER: Structure = Structure {
    holder: "User",
    name: "account.User",
    fields: &[
        ("username", Type::Text("string")),
        ("state", Type::Text("string")),
        ("balance", Type::Int("int")),
        ("device", Type::One(&DEVICE)),
        ("subscription", Type::One(&SUBSCRIPTION)),
        ("current_plan", Type::One(&PLAN)),
        ("next_plan", Type::One(&PLAN)),
        ("view", Type::One(&VIEW)),
        ("LastNotifiedOfEnd", Type::Any),
        ("LoggedInAt", Type::Any),
    ],
};

impl Spn {
    /// Whether there is a token.
    pub(in crate::world) fn holds_token(&self) -> bool {
        self.account.as_ref().is_some_and(|account| account.token)
    }
}

impl World {
    /// Reads the account anew, which a client wrote or whose token it wrote or deleted. Where nothing is to be read, nobody is
    /// logged in.
    pub(in crate::world) fn read_account(&mut self, token: bool) {
        let token = token || self.written(TOKEN).is_some();
        if let Some(record) = self.written(ACCOUNT) {
            let structure = match self.behaviour.record_form {
                RecordForm::Early => &EARLY_USER,
                RecordForm::Late => &USER,
            };
            let members = match &record.body {
                Body::Text { format: JSON, data } => structure.read(data).ok(),
                Body::Text { .. } | Body::Struct(_) => None,
            };
            let (created, updated) = (record.meta.created, record.meta.modified);
            self.spn.account = members.map(|members| Account {
                created: Timestamp::from_second(created).unwrap_or_default(),
                updated: Timestamp::from_second(updated).unwrap_or_default(),
                token,
                ..self.account_of(members)
            });
            self.spn.connected_since = self.now();
        } else if let Some(account) = &mut self.spn.account {
            account.token = token;
        }
        if self.spn_enabled() {
            self.tell_spn();
        }
    }

    /// What the members of a record say of an account.
    fn account_of(&self, members: Map<String, Value>) -> Account {
        let at = |path: &[&str]| {
            path.iter().try_fold(&Value::Null, |at, name| match at {
                Value::Null => members.get(*name),
                at => at.get(*name),
            })
        };
        let text = |path: &[&str]| at(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |path: &[&str]| at(path).and_then(Value::as_i64).unwrap_or_default();
        let instant = |path: &[&str]| at(path).and_then(Value::as_str)?.parse::<Timestamp>().ok();
        let features = at(&["current_plan", "feature_ids"]).and_then(Value::as_array);
        let plan = at(&["current_plan"]).filter(|plan| plan.is_object()).map(|_| Plan {
            name: text(&["current_plan", "name"]),
            amount: number(&["current_plan", "amount"]),
            months: number(&["current_plan", "months"]).try_into().unwrap_or_default(),
            renewable: at(&["current_plan", "renewable"]).and_then(Value::as_bool).unwrap_or_default(),
            features: features.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
        });
        let ends = instant(&["subscription", "ends_at"]);
        let now = self.now();
        Account {
            username: text(&["username"]),
            // A word that no core has is still somebody's, who may not use the network.
            state: AccountState::of(&text(&["state"])).unwrap_or(AccountState::Fresh),
            balance: number(&["balance"]),
            device: match at(&["device"]) {
                Some(Value::Object(_)) => {
                    Device { name: text(&["device", "name"]), id: text(&["device", "id"]) }
                }
                _ => device(self.chance.seed()),
            },
            plan,
            ends,
            next_billing: instant(&["subscription", "next_billing_date"]),
            payment_provider: text(&["subscription", "payment_provider"]),
            logged_in: instant(&["LoggedInAt"]).unwrap_or(now),
            token: false,
            created: now,
            updated: now,
            ending: ends.is_some_and(|ends| ends > now),
            written: Some(members),
        }
    }
}
