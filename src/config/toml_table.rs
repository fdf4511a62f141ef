//! Reads a table of a TOML file key by key, and refuses unknown keys.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};

/// A type that tables are read into.
pub trait Keys {
    /// Reads the value of a key, given by its path in the file. False if the type does not have the key.
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// A table that is read into its target.
pub(super) struct TomlTable<'a, T> {
    /// Its name; empty at the top of the file.
    pub(super) name: &'static str,
    /// The keys that it may hold.
    pub(super) known: &'static [&'static str],
    /// Where their values are stored.
    pub(super) target: &'a mut T,
}

impl<'de, T: Keys> DeserializeSeed<'de> for TomlTable<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Keys> Visitor<'de> for TomlTable<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key(self.known))? {
            let path = match self.name {
                "" => key.to_owned(),
                table => format!("{table}.{key}"),
            };
            if !self.target.read(&path, &mut map)? {
                return Err(A::Error::unknown_field(key, self.known));
            }
        }
        Ok(())
    }
}

/// Reads a key that must be one of these. An unknown key is refused here, so that the error has its
/// position.
struct Key(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = &'static str;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<&'static str, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key {
    type Value = &'static str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<&'static str, E> {
        let known = self.0.iter().find(|&&known| known == text).copied();
        known.ok_or_else(|| E::unknown_field(text, self.0))
    }
}
