//! All chance of a world: one seed, a ChaCha stream for each subsystem.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    ops::{Deref, DerefMut},
};

use rand::{Rng, SeedableRng, rngs::ChaCha20Rng};
use serde::{Deserialize, Serialize, Serializer};

/// The streams that were asked for, each where it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chance {
    seed: u64,
    #[serde(serialize_with = "begun")]
    streams: BTreeMap<Cow<'static, str>, Stream>,
}

impl Chance {
    /// Chance from a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, streams: BTreeMap::new() }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The stream of a subsystem; it goes on where it stopped.
    pub fn stream(&mut self, name: &'static str) -> &mut ChaCha20Rng {
        let seed = self.seed;
        self.streams.entry(Cow::Borrowed(name)).or_insert_with(|| fresh(seed, name))
    }

    /// Draws bytes from a stream.
    pub fn bytes<const N: usize>(&mut self, name: &'static str) -> [u8; N] {
        let mut out = [0; N];
        self.stream(name).fill_bytes(&mut out);
        out
    }
}

/// The streams of which something was drawn: the others are made anew.
fn begun<S: Serializer>(streams: &BTreeMap<Cow<'static, str>, Stream>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(streams.iter().filter(|(_, stream)| stream.get_word_pos() > 0))
}

/// A stream of chance. What it was begun with and how much was drawn of it is all that there is to it.
#[derive(Debug, Deserialize)]
#[serde(from = "Saved")]
pub struct Stream(ChaCha20Rng);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    seed: [u8; 32],
    stream: u64,
    word_pos: u128,
}

impl From<Saved> for Stream {
    fn from(saved: Saved) -> Self {
        let mut rng = ChaCha20Rng::from_seed(saved.seed);
        rng.set_stream(saved.stream);
        rng.set_word_pos(saved.word_pos);
        Self(rng)
    }
}

impl From<&Stream> for Saved {
    fn from(Stream(rng): &Stream) -> Self {
        Self { seed: rng.get_seed(), stream: rng.get_stream(), word_pos: rng.get_word_pos() }
    }
}

impl Serialize for Stream {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Saved::from(self).serialize(to)
    }
}

impl Clone for Stream {
    fn clone(&self) -> Self {
        Saved::from(self).into()
    }
}

impl Deref for Stream {
    type Target = ChaCha20Rng;

    fn deref(&self) -> &ChaCha20Rng {
        &self.0
    }
}

impl DerefMut for Stream {
    fn deref_mut(&mut self) -> &mut ChaCha20Rng {
        &mut self.0
    }
}

/// A stream from its beginning, for what is made from a name alone.
pub fn fresh(seed: u64, name: &str) -> Stream {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    // FNV-1a: the same number for the same name, on every machine.
    let stream = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    rng.set_stream(stream);
    Stream(rng)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_do_not_disturb_each_other() {
        let mut alone = Chance::new(7);
        let first: [u8; 8] = alone.bytes("sessions");
        let second: [u8; 8] = alone.bytes("sessions");
        let mut mixed = Chance::new(7);
        assert_eq!(mixed.bytes::<8>("sessions"), first);
        let _: [u8; 8] = mixed.bytes("keys");
        assert_eq!(mixed.bytes::<8>("sessions"), second);
        assert_ne!(first, second);
    }
}
