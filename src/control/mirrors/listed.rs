//! Whether lists have a mirror, by the findings that were published.

use checks::findings::{Cause, MirrorFindings, Standing};
use checks::inventory::{Entry, repository_of};
use model::path::is_within;

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
    let others = directories.filter(|top| !repositories.iter().any(|one| is_within(one, top)));
    for top in others.chain(repositories.iter().copied()) {
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
