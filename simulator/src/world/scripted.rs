//! Rules and faults that come and go while the world runs.

use std::sync::Arc;

use portmaster_fixtures::scenario::{Fault, Rule};

use super::{Dangling, Faults, Reactions, World};

impl World {
    /// The rules, as they were told.
    pub fn rules_told(&self) -> Vec<Rule> {
        self.reactions.told().map(|told| Rule::clone(told)).collect()
    }

    /// The faults, as they were told.
    pub fn faults_told(&self) -> Vec<Fault> {
        self.faults.told().cloned().collect()
    }

    /// Puts other rules in the place of all.
    ///
    /// # Errors
    /// When they name what is not there, or say what cannot be.
    pub fn replace_rules(&mut self, told: Vec<Rule>) -> Result<(), Vec<Dangling>> {
        sound(self.dangling(&[], &told, &[]))?;
        self.reactions = Reactions::new(told, self.chance.seed());
        Ok(())
    }

    /// Adds a rule behind the others: its place.
    ///
    /// # Errors
    /// When it names what is not there, or says what cannot be.
    pub fn add_rule(&mut self, told: Rule) -> Result<usize, Vec<Dangling>> {
        sound(self.dangling(&[], std::slice::from_ref(&told), &[]))?;
        Ok(self.reactions.add(Arc::new(told), self.chance.seed()))
    }

    /// Takes a rule away by its place; whether it was there.
    pub fn remove_rule(&mut self, place: usize) -> bool {
        self.reactions.remove(place)
    }

    /// Puts other faults in the place of all.
    ///
    /// # Errors
    /// When they say what cannot be.
    pub fn replace_faults(&mut self, told: Vec<Fault>) -> Result<(), Vec<Dangling>> {
        sound(self.dangling(&[], &[], &told))?;
        self.faults = Faults::new(told, self.chance.seed(), self.clock.start());
        Ok(())
    }

    /// Adds a fault behind the others: its place.
    ///
    /// # Errors
    /// When it says what cannot be.
    pub fn add_fault(&mut self, told: Fault) -> Result<usize, Vec<Dangling>> {
        sound(self.dangling(&[], &[], std::slice::from_ref(&told)))?;
        Ok(self.faults.add(told, self.chance.seed(), self.clock.start()))
    }

    /// Takes a fault away by its place; whether it was there.
    pub fn remove_fault(&mut self, place: usize) -> bool {
        self.faults.remove(place)
    }
}

fn sound(found: Vec<Dangling>) -> Result<(), Vec<Dangling>> {
    if found.is_empty() { Ok(()) } else { Err(found) }
}
