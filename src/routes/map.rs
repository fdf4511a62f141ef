//! Maps in the form for lookups, and the lists that classes of variables refer to.

/// A map: names in ascending order, each with what stands for it.
#[derive(Clone, Debug)]
pub(crate) struct CompiledMap {
    /// Its name.
    pub(crate) name: String,
    /// Names and texts, in ascending order of names.
    entries: Vec<(String, String)>,
    /// Bytes of the longest name; longer prefixes need no lookup.
    longest: usize,
}

impl CompiledMap {
    /// Makes a map from entries with distinct names.
    pub(crate) fn new(name: String, mut entries: Vec<(String, String)>) -> Self {
        entries.sort();
        let longest = entries.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        Self { name, entries, longest }
    }

    /// The entries, in ascending order of names.
    pub(crate) fn entries(&self) -> &[(String, String)] {
        &self.entries
    }

    /// What stands for `value`: its own entry, or that of its longest prefix that ends at a dot, so
    /// that an entry for `9` holds for `9.5` but not for `99`.
    pub(crate) fn find(&self, value: &str) -> Option<&str> {
        let mut prefix = value;
        loop {
            if prefix.len() <= self.longest
                && let Ok(at) = self.entries.binary_search_by(|(name, _)| name.as_str().cmp(prefix))
            {
                return self.entries.get(at).map(|(_, text)| text.as_str());
            }
            prefix = prefix.rsplit_once('.')?.0;
        }
    }
}

/// The lists that classes of variables and templates refer to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    /// The architectures of the catalog, in ascending order.
    pub(crate) arches: Vec<String>,
    /// The maps.
    pub(crate) maps: Vec<CompiledMap>,
}

impl Lists {
    /// The index of the map `name`.
    pub(crate) fn find_map(&self, name: &str) -> Option<usize> {
        self.maps.iter().position(|map| map.name == name)
    }

    /// Whether the catalog has that architecture.
    pub(crate) fn has_arch(&self, name: &str) -> bool {
        self.arches.binary_search_by(|arch| arch.as_str().cmp(name)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_that_ends_at_a_dot_counts() {
        let entries = [("9", "9.8"), ("9.1", "vault"), ("10-kitten", "10-kitten"), ("", "none")];
        let entries = entries.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let map = CompiledMap::new("alma".to_owned(), entries.to_vec());
        for (value, expected) in [
            ("9", Some("9.8")),
            ("9.5", Some("9.8")),
            ("9.", Some("9.8")),
            ("9.5.1", Some("9.8")),
            ("9.1", Some("vault")),
            ("9.1.2", Some("vault")),
            ("9.12", Some("9.8")),
            ("99.995", None),
            ("99", None),
            ("10", None),
            ("10-kitten", Some("10-kitten")),
            ("10-kitten.3", Some("10-kitten")),
            (".5", Some("none")),
        ] {
            assert_eq!(map.find(value), expected, "{value}");
        }
    }
}
