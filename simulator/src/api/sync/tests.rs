//! Exports and imports together.
