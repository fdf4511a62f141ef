//! Makes findings of what is known, and writes them for the next compile.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use checks::findings::{Findings, MAX_BYTES, Standing};
use checks::select::Selection;
use runtime::regular_file;
use runtime::replace::NewFile;
use runtime::write_lock::WriteLock;
use tasks::{Failure, Run};

use super::checker::{Checker, of_check};
use super::known::{Known, on_thread};
use crate::kinds::tag;

/// How long findings stay at least that leave nothing out, and bring nothing back, that the next ones do not: a
/// compile follows each of them. In seconds.
const PACE: u64 = 300;
/// How often findings are made anew because another process has learned something meanwhile.
const TRIES: usize = 5;

/// What came of making findings.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) selection: Arc<Selection>,
    /// When those in the file were made, in seconds since 1970.
    pub(super) made: u64,
    /// Whether others were in the file.
    pub(super) is_written: bool,
}

impl Checker {
    /// Makes findings of what is known, and writes them if others are in the file; small changes only if those
    /// are old, or if `is_asked`. `None` if nothing has changed since the last time.
    ///
    /// Of two processes, the one that writes later knows all that the earlier one knew: while it has the lock on
    /// the file, nobody else writes it, and it has read all that was judged before.
    pub(super) async fn publish(
        &self,
        known: &mut Known,
        is_asked: bool,
        run: &Run,
    ) -> Result<Option<Published>, Failure> {
        if known.is_published {
            // Somebody may have removed the file.
            let path = self.findings.clone();
            if run.on_thread(move |_| Ok(path.exists())).await? {
                return Ok(None);
            }
        }
        run.stage("publish");
        for _ in 0..TRIES {
            let selection =
                on_thread(known, Known::select).await.map_err(|error| of_check(error.into()))?;
            let path = self.findings.clone();
            let lock = run.on_thread(move |_| {
                WriteLock::acquire(&path).map_err(|error| not_written(&path, &error))
            });
            let lock = lock.await?;
            if !known.is_current(&self.store, &self.site).await.map_err(of_check)? {
                let freed = move |_: &Run| -> Result<(), Failure> {
                    drop(lock);
                    Ok(())
                };
                run.on_thread(freed).await?;
                self.refresh(known).await.map_err(of_check)?;
                continue;
            }
            let (path, selected) = (self.findings.clone(), Arc::clone(&selection));
            let prepared = run.on_thread(move |run| {
                let findings = &selected.findings;
                let change = compare(findings, &path);
                if !(is_due(change, findings.made) || is_asked && change.is_some()) {
                    return Ok((change, None));
                }
                let text = findings.to_json();
                if text.len() as u64 > MAX_BYTES {
                    return Err(too_large(&path, text.len()));
                }
                let new = NewFile::write_tagged(&path, text.as_bytes(), &tag(run))
                    .map_err(|error| not_written(&path, &error))?;
                Ok((change, Some((lock, new))))
            });
            let (change, prepared) = prepared.await?;
            let is_written = prepared.is_some();
            if let Some((lock, new)) = prepared {
                run.check_fence().await?;
                let path = self.findings.clone();
                let put = run.on_thread(move |_| {
                    let not_synced = new.replace().map_err(|error| not_written(&path, &error))?;
                    drop(lock);
                    Ok(not_synced)
                });
                if let Some(not_synced) = put.await? {
                    tracing::warn!("a power cut may bring the findings before back: {not_synced}");
                }
                store::fail_at::reached("findings", "renamed");
            }
            known.is_published = is_written || !change.is_some();
            let made = match change {
                Change::None { since } | Change::Small { since } if !is_written => since,
                _ => selection.findings.made,
            };
            return Ok(Some(Published { selection, made, is_written }));
        }
        Err(Failure::may_pass("overtaken", "other processes learn of mirrors all the time"))
    }
}

fn not_written(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::may_pass("not_written", format!("{}: {error}", path.display()))
}

/// Nobody would read them; those before stay.
fn too_large(path: &Path, n_bytes: usize) -> Failure {
    let message =
        format!("{}: findings of {n_bytes} bytes: the limit is {MAX_BYTES}", path.display());
    Failure::lasting("too_large", message)
}

/// How findings differ from those in a file, which were made at this time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    None {
        since: u64,
    },
    /// In the order of lists only.
    Small {
        since: u64,
    },
    /// In what is left out, or there is no file that can be read.
    Large,
}

impl Change {
    fn is_some(self) -> bool {
        !matches!(self, Self::None { .. })
    }
}

/// Whether findings that were made at this time are written.
fn is_due(change: Change, made: u64) -> bool {
    match change {
        Change::None { .. } => false,
        Change::Small { since } => !(since..since.saturating_add(PACE)).contains(&made),
        Change::Large => true,
    }
}

fn compare(findings: &Findings, path: &Path) -> Change {
    let Ok(bytes) = regular_file::read(path, MAX_BYTES) else { return Change::Large };
    let Ok(before) = Findings::parse(&bytes) else { return Change::Large };
    let same = Findings { made: before.made, mirrors: findings.mirrors.clone() };
    if same.to_json().as_bytes() == bytes {
        Change::None { since: before.made }
    } else if hidden(&before) == hidden(findings) {
        Change::Small { since: before.made }
    } else {
        Change::Large
    }
}

/// What is left out of a mirror.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'f> {
    Whole { is_decided: bool },
    Url(&'f str),
    Directory(&'f str),
}

/// What is left out, by the keys of mirrors.
fn hidden(findings: &Findings) -> BTreeSet<(&str, Part<'_>)> {
    let mut hidden = BTreeSet::new();
    for (key, found) in &findings.mirrors {
        if found.hidden.is_some() {
            hidden.insert((key.as_str(), Part::Whole { is_decided: found.is_decided }));
        }
        let urls = found.urls.iter().filter(|(_, url)| url.hidden.is_some());
        hidden.extend(urls.map(|(url, _)| (key.as_str(), Part::Url(url))));
        let is_hidden = |standing: &Standing| matches!(standing, Standing::Hidden(_));
        let directories = found.directories.iter().filter(|(_, standing)| is_hidden(standing));
        hidden.extend(directories.map(|(name, _)| (key.as_str(), Part::Directory(name))));
    }
    hidden
}

#[cfg(test)]
mod tests {
    use std::fs;

    use checks::findings::{Cause, MirrorFindings};

    use super::*;

    fn findings(made: u64, of: &[(&str, MirrorFindings)]) -> Findings {
        let mirrors = of.iter().map(|(key, found)| ((*key).to_owned(), found.clone()));
        Findings { made, mirrors: mirrors.collect() }
    }

    fn standing(standing: Standing) -> MirrorFindings {
        MirrorFindings {
            directories: [("9/os".to_owned(), standing)].into(),
            ..MirrorFindings::default()
        }
    }

    #[test]
    fn what_is_left_out_is_told_from_what_is_in_another_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("findings");
        let cause = |since| Cause::new("down", since);
        let hidden = |since| MirrorFindings { hidden: Some(cause(since)), ..Default::default() };
        let decided = MirrorFindings { is_decided: true, ..hidden(1) };
        let slow = MirrorFindings { is_slow: true, ..Default::default() };
        let (behind, gone) = (Standing::Behind(cause(1)), Standing::Hidden(cause(1)));
        assert_eq!(compare(&findings(7, &[]), &file), Change::Large, "there is none");
        let compared = |before: &MirrorFindings, after: &MirrorFindings| {
            fs::write(&file, findings(5, &[("a", before.clone())]).to_json()).unwrap();
            compare(&findings(7, &[("a", after.clone())]), &file)
        };
        let small = Change::Small { since: 5 };
        let none = MirrorFindings::default();
        for (before, after, expected) in [
            (&slow, &slow, Change::None { since: 5 }),
            (&none, &slow, small),
            (&none, &standing(behind.clone()), small),
            (&hidden(1), &hidden(2), small),
            (&none, &hidden(1), Change::Large),
            (&hidden(1), &none, Change::Large),
            (&hidden(1), &decided, Change::Large),
            (&standing(behind), &standing(gone.clone()), Change::Large),
            (&standing(gone), &none, Change::Large),
        ] {
            assert_eq!(compared(before, after), expected, "{before:?} {after:?}");
        }
        fs::write(&file, "{").unwrap();
        assert_eq!(compare(&findings(7, &[]), &file), Change::Large);
    }

    #[test]
    fn small_changes_wait_until_findings_are_old() {
        let small = Change::Small { since: 1_000 };
        assert!(is_due(Change::Large, 1_000) && !is_due(Change::None { since: 1 }, 9_000));
        assert!(!is_due(small, 1_000) && !is_due(small, 1_000 + PACE - 1));
        assert!(is_due(small, 1_000 + PACE));
        assert!(is_due(small, 999), "the clock was set back");
    }
}
