//! What a process that does background work serves first.

use std::path::{Path, PathBuf};

use control::options::{Options, Site};
use serve::reload::Source;
use sources::Inputs;

/// What is loaded at the start by a process that does the work itself: what is published, or else the inputs,
/// without those that its tasks have yet to make.
pub(super) fn first_source(options: &Options, exists: impl Fn(&Path) -> bool) -> Source {
    let Site { inputs, snapshot, findings, .. } = &options.site;
    if exists(snapshot) {
        return Source::Snapshot(snapshot.clone());
    }
    // Visits have yet to find out anything.
    let has_no_findings = findings.as_ref().is_some_and(|file| !exists(file));
    let inputs = if has_no_findings { inputs.without_findings() } else { inputs.clone() };
    let unbuilt: Vec<PathBuf> = options
        .site
        .made_by_tasks()
        .filter(|(file, _)| !exists(file) && findings.as_deref() != Some(*file))
        .map(|(file, _)| file.to_owned())
        .collect();
    Source::Inputs(match inputs {
        inputs if unbuilt.is_empty() => inputs,
        Inputs::Catalog(catalog) => {
            Inputs::Catalog(catalog.with_usable(|file| !unbuilt.contains(file)))
        }
        Inputs::MirrorManager(files) => Inputs::MirrorManagerWithout(files, unbuilt),
        inputs => inputs,
    })
}
