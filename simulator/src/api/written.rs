//! Answers that tell facts alone: written once, whoever asks.

use std::{
    any::TypeId,
    collections::HashMap,
    sync::{LazyLock, PoisonError, RwLock},
};

use bytes::Bytes;

use super::Format;

type Written = HashMap<(TypeId, usize, Format), Bytes>;

/// The answer that tells of these facts in a form, if it can be written. They live as long as the program: their type and
/// address say which they are.
pub(super) fn once<T: 'static>(
    facts: &'static [T],
    form: Format,
    write: impl FnOnce() -> Result<Vec<u8>, String>,
) -> Result<Bytes, String> {
    static WRITTEN: LazyLock<RwLock<Written>> = LazyLock::new(RwLock::default);
    let key = (TypeId::of::<T>(), facts.as_ptr().addr(), form);
    if let Some(bytes) = WRITTEN.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(bytes.clone());
    }
    let bytes = Bytes::from(write()?);
    WRITTEN.write().unwrap_or_else(PoisonError::into_inner).insert(key, bytes.clone());
    Ok(bytes)
}
