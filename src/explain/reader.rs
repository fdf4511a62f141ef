//! The rules by which package managers use a list: which URLs they read, and in which order they try them.
//!
//! They were measured with dnf 4.14 (librepo 1.14), zypper 1.14.42 (libzypp 17.25) and aria2 1.36; those of
//! yum 3 and apt are from their sources and manuals. Where a client chooses by chance, the URLs form one
//! step.

use std::collections::BTreeSet;

use model::base_url::authority;
use model::url::Protocol;

use super::package_manager::PackageManager;
use super::reading::{Reading, SkippedUrl};
use super::report::{Report, UrlReport};

/// The most URLs that zypper takes of a list.
const OF_ZYPPER: usize = 4;
/// How often dnf tries at least.
const OF_DNF: usize = 4;

/// What `client` does with the list of a report.
pub(crate) fn read(client: PackageManager, report: &Report) -> Reading {
    let format = report.target.format.as_str();
    let mut reading = Reading {
        client,
        reads_format: format == "redirect" || reads(client, format),
        tries: Vec::new(),
        after_timeout: None,
        skipped: Vec::new(),
        notes: Vec::new(),
    };
    if format == "redirect" {
        reading.redirect(report);
    } else if reading.reads_format {
        match client {
            PackageManager::Dnf => reading.dnf(report),
            PackageManager::Yum => reading.yum(report),
            PackageManager::Zypper => reading.zypper(report),
            PackageManager::Aria2 => reading.aria2(report),
            PackageManager::Apt => reading.apt(report),
        }
    } else {
        let name = client.as_str();
        reading.notes.push(format!("{name} does not read answers of the format {format}"));
    }
    reading
}

impl Reading {
    fn redirect(&mut self, report: &Report) {
        let mut urls = report.urls.iter().map(|url| url.url.clone());
        self.tries.extend(urls.next().map(|url| vec![url]));
        if self.client == PackageManager::Aria2 {
            // RFC 6249.
            self.tries.extend(urls.map(|url| vec![url]));
            self.notes.push("aria2 reads the further URLs from the header Link".into());
        } else {
            let reason = "it stands in the header Link, which is not read";
            self.skipped.extend(urls.map(|url| SkippedUrl { url, reason: reason.into() }));
            self.notes.push(
                "if the URL fails, a further try asks this server again, if there is one".into(),
            );
        }
    }

    fn dnf(&mut self, report: &Report) {
        let urls = self.without_rsync(report.urls.iter());
        self.tries = urls.iter().map(|url| vec![url.url.clone()]).collect();
        if urls.len() < OF_DNF && !urls.is_empty() {
            self.notes.push(format!(
                "with fewer than {OF_DNF} URLs dnf begins again until it has tried {OF_DNF} times"
            ));
        }
        if let [first, second @ .., last] = &urls[..] {
            let order = [first, last].into_iter().chain(second).map(|url| url.url.clone());
            self.after_timeout = Some(order.collect());
            self.notes.push(
                "after a time-out dnf swaps the mirror with the last one, which is then tried second"
                    .into(),
            );
        }
    }

    fn yum(&mut self, report: &Report) {
        let mut urls = self.without_rsync(report.urls.iter());
        if report.target.format == "mirrorlist" {
            self.tries = vec![urls.iter().map(|url| url.url.clone()).collect()];
            self.notes.push(
                "yum begins at a place of the list that it chooses by chance, unless \
                 failovermethod=priority is set"
                    .into(),
            );
            return;
        }
        let place = |url: &UrlReport| {
            Protocol::ALL.iter().position(|&own| Protocol::of_url(&url.url) == Some(own))
        };
        urls.sort_by_key(|url| (std::cmp::Reverse(url.preference), place(url)));
        let mut servers = BTreeSet::new();
        for url in urls {
            if servers.insert(authority(&url.url)) {
                self.tries.push(vec![url.url.clone()]);
            } else {
                let reason = "yum takes one URL of a host".into();
                self.skipped.push(SkippedUrl { url: url.url.clone(), reason });
            }
        }
    }

    fn zypper(&mut self, report: &Report) {
        if report.target.format == "json" {
            self.zypper_in_json(report);
            return;
        }
        let mut urls = self.without_rsync(report.urls.iter());
        urls.sort_by_key(|url| (std::cmp::Reverse(url.preference), url.priority));
        for (place, url) in urls.into_iter().enumerate() {
            if place < OF_ZYPPER {
                self.tries.push(vec![url.url.clone()]);
            } else {
                let reason = format!("zypper takes the first {OF_ZYPPER} URLs");
                self.skipped.push(SkippedUrl { url: url.url.clone(), reason });
            }
        }
        self.notes.push("newer versions (libzypp 17.38) keep all URLs".into());
    }

    /// The versions that read JSON keep all URLs, but see one of an object.
    fn zypper_in_json(&mut self, report: &Report) {
        let (read, unread): (Vec<_>, Vec<_>) =
            report.urls.iter().partition(|url| url.object_url == Some(true));
        let reason = "zypper reads url of each object, and not urls";
        let skipped = unread
            .into_iter()
            .map(|url| SkippedUrl { url: url.url.clone(), reason: reason.into() });
        self.skipped.extend(skipped);
        let urls = self.without_rsync(read.into_iter());
        self.tries = urls.iter().map(|url| vec![url.url.clone()]).collect();
        self.notes.push("only newer versions (libzypp 17.38) read JSON".into());
    }

    fn aria2(&mut self, report: &Report) {
        let mut urls = self.without_rsync(report.urls.iter());
        urls.sort_by_key(|url| (std::cmp::Reverse(url.preference), url.priority));
        self.by_steps(&urls, |url| (url.preference, url.priority));
        self.notes.push("a first mirror with an older file makes aria2 fail".into());
    }

    fn apt(&mut self, report: &Report) {
        let mut urls = self.without_rsync(report.urls.iter());
        urls.sort_by_key(|url| url.priority);
        self.by_steps(&urls, |url| url.priority);
    }

    /// Leaves out what none of them fetches.
    fn without_rsync<'a>(
        &mut self,
        urls: impl Iterator<Item = &'a UrlReport>,
    ) -> Vec<&'a UrlReport> {
        let mut kept = Vec::new();
        for url in urls {
            if Protocol::of_url(&url.url) == Some(Protocol::Rsync) {
                let reason = format!("{} does not speak rsync", self.client.as_str());
                self.skipped.push(SkippedUrl { url: url.url.clone(), reason });
            } else {
                kept.push(url);
            }
        }
        kept
    }

    /// Takes sorted URLs, those of one rank in one step.
    fn by_steps<T: PartialEq>(&mut self, urls: &[&UrlReport], rank: impl Fn(&UrlReport) -> T) {
        let steps = urls.chunk_by(|one, other| rank(one) == rank(other));
        self.tries.extend(steps.map(|step| step.iter().map(|url| url.url.clone()).collect()));
    }
}

/// Whether a package manager reads answers of a format.
fn reads(client: PackageManager, format: &str) -> bool {
    match client {
        PackageManager::Dnf | PackageManager::Yum => matches!(format, "mirrorlist" | "metalink"),
        PackageManager::Zypper => {
            matches!(format, "mirrorlist" | "metalink" | "metalink4" | "json")
        }
        PackageManager::Aria2 => matches!(format, "metalink" | "metalink4"),
        PackageManager::Apt => matches!(format, "apt" | "mirrorlist"),
    }
}
