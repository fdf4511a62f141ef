//! Notices that a tree has lost so much that it is more likely a fault than a change: a file system that
//! is not mounted, a copy that has just begun.

use index::{File, Index};

/// The part of what was there that may be lost at once: one of so many.
const MAX_LOSS: u64 = 5;

/// What a tree has lost since the last scan.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Loss {
    /// Directories that are gone.
    pub directories: Lost,
    /// Files with checksums that are gone.
    pub listed: Lost,
    /// How many fewer files there are.
    pub files: Lost,
}

/// Losses of a kind.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lost {
    /// How many are gone.
    pub n: u64,
    /// How many there were.
    pub of: u64,
    /// The first one that is gone.
    pub example: Option<String>,
}

impl Loss {
    /// Compares two scans.
    pub(super) fn between(former: &Index, now: &Index) -> Self {
        let mut loss = Self::default();
        for before in former.directories() {
            let after = now.find(&before.name);
            loss.directories.count(after.is_none(), || before.name.to_string());
            for file in before.listed() {
                let is_lost = after.is_none_or(|after| {
                    super::names::find_file(after, &file.name).is_none_or(File::is_withdrawn)
                });
                loss.listed.count(is_lost, || super::names::join(&before.name, &file.name));
            }
        }
        let n_files = |index: &Index| -> u64 {
            let counts = index.directories().iter().map(|directory| directory.n_files);
            counts.fold(0, u64::saturating_add)
        };
        let (before, after) = (n_files(former), n_files(now));
        loss.files = Lost { n: before.saturating_sub(after), of: before, example: None };
        loss
    }

    /// What is lost to more than a fifth, with its name.
    pub(super) fn find_excessive(&self) -> Option<(&'static str, &Lost)> {
        let kinds = [
            ("directories", &self.directories),
            ("files with checksums", &self.listed),
            ("files", &self.files),
        ];
        kinds.into_iter().find(|(_, lost)| lost.n.saturating_mul(MAX_LOSS) > lost.of)
    }
}

impl Lost {
    fn count(&mut self, is_lost: bool, name: impl FnOnce() -> String) {
        self.of += 1;
        if is_lost {
            self.n += 1;
            self.example.get_or_insert_with(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use index::Directory;

    use super::*;

    fn index(names: impl IntoIterator<Item = u32>, n_files: u64) -> Index {
        let names = names.into_iter().map(|number| format!("{number:03}").into_boxed_str());
        let directories = [Box::from("")].into_iter().chain(names);
        let directory = |name| Directory { name, n_files, files: vec![] };
        Index::new(0, directories.map(directory).collect(), vec![]).expect("it is sound")
    }

    #[test]
    fn a_fifth_may_go_and_no_more() {
        // One hundred with the tree itself.
        let before = index(1..100, 5);
        let excess = |after: &Index| {
            Loss::between(&before, after).find_excessive().map(|(kind, lost)| (kind, lost.n))
        };
        assert_eq!(excess(&before), None);
        assert_eq!(excess(&index(1..80, 9)), None);
        assert_eq!(excess(&index(1..79, 9)), Some(("directories", 21)));
        assert_eq!(excess(&index((1..79).chain(200..300), 9)), Some(("directories", 21)));
        assert_eq!(excess(&index(1..100, 4)), None);
        assert_eq!(excess(&index(1..90, 4)), Some(("files", 140)));
        assert_eq!(Loss::between(&before, &index([], 0)).directories.example, Some("001".into()));
    }
}
