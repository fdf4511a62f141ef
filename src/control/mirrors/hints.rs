//! What visits hand on to later ones of the same process, within bounds: ETags of `repomd.xml`, and which mirrors refuse HEAD.
//!
//! All of a mirror is read whole once a day at least: an ETag may stay although the file is another one.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use checks::inventory::Inventory;
use visits::plan::Hints;

/// The most bytes that are kept, about: those of some 100,000 files.
const MAX_BYTES: usize = 32 << 20;
/// What a file takes beside its texts, about.
const OVERHEAD: usize = 160;
const DAY: u64 = 86_400;
const WEEK: u64 = 7 * DAY;

/// What visits hand on.
#[derive(Debug, Default)]
pub(super) struct VisitHints(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    by_mirror: BTreeMap<String, OfMirror>,
    /// Of all mirrors.
    bytes: usize,
}

#[derive(Debug, Default)]
struct OfMirror {
    hints: Hints,
    bytes: usize,
    /// When the first of its files was remembered, in seconds since 1970.
    files_since: u64,
    /// When HEAD was refused first.
    refused_since: u64,
}

impl VisitHints {
    /// What a visit to a mirror may use.
    pub(super) fn recall(&self, key: &str, now: u64) -> Hints {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mirror) = remembered.by_mirror.get_mut(key) else { return Hints::default() };
        let mut freed = 0;
        if !is_within(mirror.files_since, DAY, now) {
            mirror.hints.files.clear();
            freed = std::mem::take(&mut mirror.bytes);
        }
        mirror.hints.head_is_refused &= is_within(mirror.refused_since, WEEK, now);
        let hints = mirror.hints.clone();
        remembered.bytes -= freed;
        hints
    }

    /// Keeps what a visit hands on, as far as there is room.
    pub(super) fn remember(&self, key: &str, hints: Hints, now: u64) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = remembered.by_mirror.remove(key).unwrap_or_default();
        remembered.bytes -= before.bytes;
        if hints == Hints::default() {
            return;
        }
        let bytes = bytes(&hints);
        let fits = remembered.bytes + bytes <= MAX_BYTES;
        let was = |is_known: bool, since: u64| if is_known { since } else { now };
        let mut mirror = OfMirror {
            files_since: was(!before.hints.files.is_empty(), before.files_since),
            refused_since: was(before.hints.head_is_refused, before.refused_since),
            bytes: if fits { bytes } else { 0 },
            hints,
        };
        if !fits {
            mirror.hints.files.clear();
        }
        remembered.bytes += mirror.bytes;
        remembered.by_mirror.insert(key.to_owned(), mirror);
    }

    /// Forgets mirrors that have left the catalog.
    pub(super) fn retain(&self, inventory: &Inventory) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Remembered { by_mirror, bytes } = &mut *remembered;
        by_mirror.retain(|key, mirror| {
            let stays = inventory.mirrors.contains_key(key);
            *bytes -= if stays { 0 } else { mirror.bytes };
            stays
        });
    }
}

/// Whether it has not been longer since then. It has if the clock was set back.
fn is_within(since: u64, time: u64, now: u64) -> bool {
    (since..since.saturating_add(time)).contains(&now)
}

/// What hints take, about.
fn bytes(hints: &Hints) -> usize {
    let file = |(url, file): (&String, &visits::plan::KnownFile)| {
        url.len() + file.etag.len() + file.sha256.len() + OVERHEAD
    };
    hints.files.iter().map(file).sum()
}

#[cfg(test)]
mod tests {
    use checks::inventory::Entry;
    use visits::plan::KnownFile;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn hints(files: usize, etag: &str, head_is_refused: bool) -> Hints {
        let file = |n: usize| {
            let known = KnownFile { etag: etag.to_owned(), sha256: "a".repeat(64) };
            (format!("http://m.example/{n}"), known)
        };
        Hints { files: (0..files).map(file).collect(), head_is_refused }
    }

    #[test]
    fn etags_are_forgotten_after_a_day_and_that_head_is_refused_after_a_week() {
        let memory = VisitHints::default();
        let known = hints(2, "e", true);
        memory.remember("a", known.clone(), NOW);
        assert_eq!(memory.recall("a", NOW + DAY - 1), known);
        assert_eq!(memory.recall("b", NOW), Hints::default());
        // A later visit does not make them younger.
        memory.remember("a", known.clone(), NOW + DAY - 1);
        assert_eq!(memory.recall("a", NOW + DAY), hints(0, "", true));
        memory.remember("a", known.clone(), NOW + DAY);
        assert_eq!(memory.recall("a", NOW + 2 * DAY - 1), known);
        assert_eq!(memory.recall("a", NOW + WEEK), Hints::default());
        memory.remember("a", known, NOW);
        assert_eq!(memory.recall("a", NOW - 1), Hints::default(), "the clock was set back");
    }

    #[test]
    fn what_does_not_fit_is_not_kept_and_room_is_given_back() {
        let memory = VisitHints::default();
        let large = "e".repeat(MAX_BYTES / 2 - 1_000);
        let key = |n: usize| format!("m{n}");
        for n in 0..4 {
            memory.remember(&key(n), hints(1, &large, true), NOW);
        }
        let n_files = |n: usize| memory.recall(&key(n), NOW).files.len();
        assert_eq!([0, 1, 2, 3].map(n_files), [1, 1, 0, 0]);
        assert!(memory.recall(&key(3), NOW).head_is_refused);
        let mut inventory = Inventory::default();
        inventory.mirrors.insert(key(1), Entry::default());
        memory.retain(&inventory);
        memory.remember(&key(2), hints(1, &large, false), NOW);
        assert_eq!([0, 1, 2].map(n_files), [0, 1, 1]);
        memory.remember(&key(1), Hints::default(), NOW);
        assert_eq!(memory.recall(&key(2), NOW + DAY), Hints::default());
        let remembered = memory.0.lock().unwrap();
        assert_eq!((remembered.bytes, remembered.by_mirror.len()), (0, 1));
    }
}
