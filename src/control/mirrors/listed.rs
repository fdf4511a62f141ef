//! Whether lists have a mirror, by the findings that were published.

use std::collections::BTreeSet;

use checks::findings::{Cause, MirrorFindings, Standing};
use checks::inventory::{Entry, repository_of};
use model::path::is_within;

use super::profile::Profile;

/// Whether lists have a mirror.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listed {
    /// For all that it carries.
    Yes,
    /// For some of it.
    Partly,
    /// For nothing.
    No,
}

impl Listed {
    /// One word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Partly => "partly",
            Self::No => "no",
        }
    }
}

/// Whether lists that anybody gets have a mirror, and what keeps it out, as the findings say that lists follow.
/// `why_hidden` is what its state says by now: it is told if lists have the mirror all the same, as it was kept.
pub(super) fn listed_publicly(
    profile: &Profile,
    entry: &Entry,
    findings: Option<&MirrorFindings>,
    why_hidden: Option<Cause>,
) -> (Listed, Option<Cause>) {
    if profile.rests {
        return (Listed::No, Some(Cause::new("its load is 0, so nobody gets it", 0)));
    }
    let (listed, why) = listed(entry, findings);
    let is_behind = |standing| matches!(standing, &Standing::Behind(_));
    // Who is kept is listed behind the others.
    let is_kept = findings.is_some_and(|found| found.directories.values().any(is_behind));
    let why_kept = why_hidden.filter(|_| listed == Listed::Yes && is_kept);
    (listed, why.or(why_kept))
}

/// Whether lists have a mirror for what it carries, and what keeps it out of the first one that has it not.
pub(super) fn listed(entry: &Entry, findings: Option<&MirrorFindings>) -> (Listed, Option<Cause>) {
    // Most mirrors have none that hide anything.
    let Some(findings) = findings.filter(|findings| findings.hides()) else {
        return (Listed::Yes, None);
    };
    if let Some(cause) = &findings.hidden {
        return (Listed::No, Some(cause.clone()));
    }
    let why_hidden = |url: &String| findings.urls.get(url).and_then(|url| url.hidden.as_ref());
    // It takes long to find the trees of all repositories, and most mirrors have no such URL.
    let has_hidden_url = findings.urls.values().any(|url| url.hidden.is_some());
    let (mut n, mut n_listed, mut why) = (0, 0, None);
    let repositories: Vec<&str> = entry.repositories().map(|name| repository_of(name)).collect();
    let directories = entry.directories().map(String::as_str);
    // What lies above repositories is listed for what is beside them, of which nothing is known.
    let is_above = |top: &str| repositories.iter().any(|one| is_within(one, top));
    let tops: BTreeSet<&str> = directories.filter(|top| !is_above(top)).collect();
    // Files may be missing below them.
    let hidden = findings.directories.iter();
    let hidden = hidden.filter(|(_, standing)| matches!(standing, Standing::Hidden(_)));
    let hidden = hidden.map(|(directory, _)| directory.as_str()).filter(|directory| {
        !tops.contains(directory) && !is_above(directory) && entry.carries(directory)
    });
    for top in tops.iter().copied().chain(hidden).chain(repositories.iter().copied()) {
        n += 1;
        let trees = has_hidden_url.then(|| entry.trees_of(top)).into_iter().flatten();
        let urls: Vec<&String> = trees.flat_map(|tree| &tree.urls).collect();
        let is_reached = urls.is_empty() || urls.iter().any(|url| why_hidden(url).is_none());
        let cause = match findings.standing(top) {
            Some(Standing::Hidden(cause)) => Some(cause),
            _ if !is_reached => urls.into_iter().find_map(why_hidden),
            _ => None,
        };
        match cause {
            None => n_listed += 1,
            Some(cause) if why.is_none() => why = Some(cause.clone()),
            Some(_) => {}
        }
    }
    match n_listed {
        // It carries nothing that is checked.
        0 if n == 0 => {
            let urls = entry.trees.iter().flat_map(|tree| &tree.urls);
            let hidden: Option<Vec<&Cause>> = urls.map(why_hidden).collect();
            match hidden.as_deref().and_then(<[_]>::first) {
                Some(&cause) => (Listed::No, Some(cause.clone())),
                None => (Listed::Yes, None),
            }
        }
        0 => (Listed::No, why),
        _ if n_listed < n => (Listed::Partly, why),
        _ => (Listed::Yes, None),
    }
}

#[cfg(test)]
mod tests {
    use checks::inventory::Tree;

    use super::*;

    #[test]
    fn a_mirror_that_lacks_files_below_what_it_carries_is_listed_partly() {
        let listed = |hidden: &[&str]| {
            let tree = Tree {
                repositories: vec!["9/os/repodata".into()],
                directories: vec!["9".into(), "iso".into()],
                ..Tree::default()
            };
            let entry = Entry { trees: vec![tree], ..Entry::default() };
            let hidden = hidden.iter().map(|directory| {
                let cause = Cause::new("files are missing", 7);
                ((*directory).to_owned(), Standing::Hidden(cause))
            });
            let findings = MirrorFindings { directories: hidden.collect(), ..Default::default() };
            let (listed, why) = listed(&entry, Some(&findings));
            (listed, why.map(|why| why.since()))
        };
        assert_eq!(listed(&[]), (Listed::Yes, None));
        assert_eq!(listed(&["9/images"]), (Listed::Partly, Some(7)));
        assert_eq!(listed(&["iso/live"]), (Listed::Partly, Some(7)));
        assert_eq!(listed(&["9/os"]), (Listed::Partly, Some(7)));
        assert_eq!(listed(&["iso", "9/os"]), (Listed::No, Some(7)));
        // The catalog does not have it any more.
        assert_eq!(listed(&["old"]), (Listed::Yes, None));
    }
}
