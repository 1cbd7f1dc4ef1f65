//! The account with the network's provider (core-1.x §7.3).

use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::scenario::{self, AccountState, Device, Login, OnlineStatus, Plan};
use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::world::{
    World, chance,
    records::{ACCOUNT, TOKEN},
};

/// What is known of the person's account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The user's name.
    pub username: String,
    /// The state; a person who logged out leaves name and device.
    pub state: AccountState,
    /// The balance in cents.
    pub balance: i64,
    /// The device.
    pub device: Device,
    /// The plan.
    pub plan: Option<Plan>,
    /// When the plan ends.
    pub ends: Option<Timestamp>,
    /// When the next payment is due.
    pub next_billing: Option<Timestamp>,
    /// Who takes the payments.
    pub payment_provider: String,
    /// When the person logged in.
    pub logged_in: Timestamp,
    /// Whether the core holds a token with which it can ask the provider.
    pub token: bool,
    /// When this was first kept.
    pub created: Timestamp,
    /// When this was last heard of the provider.
    pub updated: Timestamp,
    /// Whether the plan's end is still to come.
    pub(super) ending: bool,
    /// The members of the record that a client wrote, until the provider is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) written: Option<Map<String, Value>>,
}

impl Account {
    /// The account that a scenario describes.
    pub(super) fn new(told: scenario::Account, seed: u64, start: Timestamp) -> Self {
        Self {
            device: told.device.unwrap_or_else(|| device(seed)),
            username: told.username,
            state: told.state,
            balance: told.balance,
            plan: told.plan,
            ends: told.ends,
            next_billing: told.next_billing,
            payment_provider: told.payment_provider,
            logged_in: told.logged_in.unwrap_or(start),
            token: told.token,
            created: start,
            updated: start,
            ending: told.ends.is_some_and(|ends| ends > start),
            written: None,
        }
    }

    /// The same in the words of scenarios.
    pub fn told(&self) -> scenario::Account {
        scenario::Account {
            username: self.username.clone(),
            state: self.state,
            balance: self.balance,
            device: Some(self.device.clone()),
            plan: self.plan.clone(),
            ends: self.ends,
            next_billing: self.next_billing,
            payment_provider: self.payment_provider.clone(),
            logged_in: Some(self.logged_in),
            token: self.token,
        }
    }

    /// Whether the person is logged in.
    pub fn is_logged_in(&self) -> bool {
        !matches!(self.state, AccountState::LoggedOut | AccountState::None)
    }

    /// Whether the plan runs.
    pub fn is_paid(&self, now: Timestamp) -> bool {
        self.plan.is_some() && self.ends.is_some_and(|ends| ends > now)
    }

    /// Whether the privacy network may be used.
    pub fn may_use_spn(&self, now: Timestamp) -> bool {
        self.state == AccountState::Approved && self.is_paid(now)
    }
}

/// A device of our own making, the same for the same seed.
pub(super) fn device(seed: u64) -> Device {
    let mut bytes = [0; 16];
    chance::fresh(seed, "device").fill_bytes(&mut bytes);
    // A random UUID, version 4.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let id = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    Device { name: "workstation".to_owned(), id }
}

/// Why the provider lets nobody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// The provider cannot be reached.
    Unreachable,
    /// The name or the password is wrong.
    Refused,
}

impl World {
    /// The account of a person who is logged in.
    pub fn account(&self) -> Option<&Account> {
        self.spn.account.as_ref().filter(|account| account.is_logged_in())
    }

    /// Whether the provider of the network answers.
    pub fn provider_answers(&self) -> bool {
        self.network.online == OnlineStatus::Online && self.spn.login != Login::Unreachable
    }

    /// What the provider says to a name and a password.
    ///
    /// # Errors
    /// When it cannot be reached or lets nobody in.
    pub fn authenticate(&self) -> Result<(), LoginError> {
        if !self.provider_answers() {
            return Err(LoginError::Unreachable);
        }
        match self.spn.login {
            Login::WrongPassword => Err(LoginError::Refused),
            _ => Ok(()),
        }
    }

    /// Logs a person in. The device stays that of an earlier login.
    pub(in crate::world) fn log_in(&mut self, username: String) {
        let now = self.now();
        let (state, paid) = match self.spn.login {
            Login::Queued => (AccountState::Queued, false),
            Login::Suspended => (AccountState::Suspended, true),
            Login::Accepted | Login::WrongPassword | Login::Unreachable => (AccountState::Approved, true),
        };
        let device =
            self.spn.account.take().map_or_else(|| device(self.chance.seed()), |account| account.device);
        let ends = paid.then(|| now + SignedDuration::from_hours(30 * 24));
        self.spn.account = Some(Account {
            username,
            state,
            balance: 0,
            device,
            plan: paid.then(|| Plan {
                name: "SPN Unlimited".to_owned(),
                amount: 999,
                months: 1,
                renewable: true,
                features: ["spn", "support", "history", "bw-vis", "vpn-compat"].map(str::to_owned).into(),
            }),
            ends,
            next_billing: ends,
            payment_provider: String::new(),
            logged_in: now,
            token: true,
            created: now,
            updated: now,
            ending: paid,
            written: None,
        });
        self.supersede(ACCOUNT);
        self.supersede(TOKEN);
        self.spn.connected_since = now;
    }

    /// Logs the person out. Name and device are kept, unless everything is to go.
    pub(in crate::world) fn log_out(&mut self, purge: bool) {
        let kept = self.spn.account.take().filter(|_| !purge);
        self.spn.account = kept.map(|account| Account {
            username: account.username,
            state: AccountState::LoggedOut,
            balance: 0,
            device: account.device,
            plan: None,
            ends: None,
            next_billing: None,
            payment_provider: String::new(),
            logged_in: account.logged_in,
            token: false,
            created: account.created,
            updated: account.updated,
            ending: false,
            written: None,
        });
        self.supersede(ACCOUNT);
        self.supersede(TOKEN);
    }

    /// When the plan ends, if that is still to come.
    pub(in crate::world) fn next_plan_end(&self) -> Option<Timestamp> {
        self.spn.account.as_ref().filter(|account| account.ending)?.ends
    }

    /// The plan is over: who may use the network by it alone may no more.
    pub(in crate::world) fn end_plan(&mut self) {
        if let Some(account) = &mut self.spn.account {
            account.ending = false;
        }
        self.tell_account(None);
        if self.spn_enabled() {
            self.tell_spn();
        }
    }

    /// Notes that the provider was asked for the account.
    pub(in crate::world) fn refresh_account(&mut self) {
        let now = self.now();
        if let Some(account) = &mut self.spn.account {
            account.updated = now;
        }
        self.supersede(ACCOUNT);
    }
}
