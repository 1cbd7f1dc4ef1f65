//! Whether a misbehaviour is found by sending the same to a simulator that has it and to one that has not.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Write},
    time::Duration,
};

use portmaster_fixtures::{Contract, Mutant};

use crate::{
    fuzz::{self, Campaign, FuzzError, Progress, Settings, Until},
    shard::Shard,
    suite::{Allowed, Keys},
};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What came of one misbehaviour.
#[derive(Debug)]
pub(crate) struct Beside {
    mutant: &'static Mutant,
    /// What differs, cause by cause.
    causes: Vec<String>,
    /// How many differences are told in all.
    told: usize,
}

impl Beside {
    /// Tries one, with the page's contract, which has the fewest endpoints, or the newest one that can have it. `program` is this one, which serves the simulators.
    pub(crate) fn tried(
        mutant: &'static Mutant,
        program: &OsStr,
        cases: u64,
        seed: u64,
    ) -> Result<Self, FuzzError> {
        let newest = || Contract::ALL.into_iter().rev().find(|one| mutant.suits(*one)).unwrap_or_default();
        let contract = if mutant.suits(Contract::Docs) { Contract::Docs } else { newest() };
        let simulators = vec![program.to_owned(), "simulators".into()];
        let misbehaving = simulators.iter().cloned().chain(["--mutant".into(), OsString::from(&mutant.id)]);
        let campaign = Campaign::new(Settings {
            target: None,
            started: false,
            beside: Some(fuzz::Beside::Simulators(misbehaving.collect())),
            keeper: None,
            contract,
            simulators,
            healthy: true,
            endpoints: None,
            keys: Keys::default(),
            allowed: Allowed::ALL,
            only: vec![],
            seed,
            limit: LIMIT,
        })?;
        let summary =
            campaign.run(Until::Cases(cases), Shard::WHOLE, campaign.threads(), &Progress::default());
        let leads = summary.failures.iter().filter(|one| one.follows.is_none());
        let causes = leads.map(|one| one.cause.clone()).collect();
        Ok(Self { mutant, causes, told: summary.failures.len() })
    }

    /// Whether it was found as one cause, or was not, as was expected.
    pub(crate) fn holds(&self) -> bool {
        self.causes.len() == usize::from(self.mutant.unseen.is_none())
    }
}

/// Writes which misbehaviours were found, and in how many causes.
pub(crate) fn write_beside(out: &mut dyn Write, tried: &[Beside]) -> io::Result<()> {
    for one in tried {
        let id = &one.mutant.id;
        match (one.causes.as_slice(), &one.mutant.unseen) {
            ([], Some(reason)) => writeln!(out, "{id} cannot be seen: {reason}")?,
            ([], None) => writeln!(out, "{id} is not found")?,
            (causes, Some(_)) => {
                writeln!(out, "{id} is found, though it is said that it cannot be seen:")?;
                causes.iter().try_for_each(|cause| writeln!(out, "  {}", cause.replace('\n', " ")))?;
            }
            ([_], None) => {}
            (several, None) => {
                writeln!(out, "{id} is found as {} causes, of {} differences:", several.len(), one.told)?;
                several.iter().try_for_each(|cause| writeln!(out, "  {}", cause.replace('\n', " ")))?;
            }
        }
    }
    let count = |wanted: &dyn Fn(&Beside) -> bool| tried.iter().filter(|one| wanted(one)).count();
    writeln!(
        out,
        "{} of {} misbehaviours are found beside a simulator, {} as one cause; {} cannot be seen",
        count(&|one| !one.causes.is_empty()),
        tried.len(),
        count(&|one| one.causes.len() == 1),
        count(&|one| one.mutant.unseen.is_some()),
    )
}
