//! The metrics of checks of mirrors. Where mirrors are not visited there are none of them.

use checks::contents::{Best, Contents};
use checks::observation::Tier;
use checks::state::Status;
use model::families::IpVersion;

use super::exposition::Exposition;
use super::scrape::Scrape;
use super::table::MetricKind::{Counter, Gauge, Histogram};
use super::table::{ControlMetric, OPEN, flag};
use crate::mirrors::counts::{
    ENDS, LISTED, OUTCOMES, SCHEMES, STATES, SUBJECTS, Summary, SweepNumbers, VALIDITIES, classes,
};

/// All of them, in the order of the exposition. What was known of mirrors last is left out when this process has made
/// no sweep for an hour, and for three times as long as from one sweep to the next.
pub(super) const OF_MIRRORS: &[ControlMetric] = &[
    ControlMetric {
        name: "mirrorlistd_mirrors",
        kind: Gauge,
        help: "Mirrors that are checked, by state and by whether lists have them for what they carry; \
               `disabled` is switched off by the checks",
        labels: &[("state", || STATES.into()), ("listed", || LISTED.into())],
        values: |s, out| {
            of_summary(s, out, |summary, out| {
                for state in STATES {
                    for listed in LISTED {
                        let n = summary.mirrors.get(&[state, listed]).copied().unwrap_or(0);
                        out.gauge(&[("state", state), ("listed", listed)], number(n));
                    }
                }
            });
        },
    },
    ControlMetric {
        name: "mirrorlistd_mirrors_unvisited",
        kind: Gauge,
        help: "Mirrors that were never visited",
        labels: &[],
        values: |s, out| {
            of_summary(s, out, |summary, out| out.gauge(&[], number(summary.n_unvisited)))
        },
    },
    ControlMetric {
        name: "mirrorlistd_checks_settled",
        kind: Gauge,
        help: "1 when verdicts count: all mirrors were visited once, or two hours have passed",
        labels: &[],
        values: |s, out| {
            of_summary(s, out, |summary, out| out.gauge(&[], flag(summary.is_settled)));
        },
    },
    ControlMetric {
        name: "mirrorlistd_mirror_own_fault",
        kind: Gauge,
        help: "1 while so many mirrors fail alike that it counts as a fault of our own, and no mirror is left \
               out for it, and while this node has no network to visit them over; of nodes that have judged visits \
               of late",
        labels: &[],
        values: |s, out| {
            of_counts(s, out, |counts, out| {
                counts.is_own_fault().into_iter().for_each(|is_so| out.gauge(&[], flag(is_so)));
            });
        },
    },
    ControlMetric {
        name: "mirrorlistd_mirror_own_fault_judgings",
        kind: Counter,
        help: "How often visits were judged and that was so",
        labels: &[],
        values: |s, out| of_counts(s, out, |counts, out| out.counter(&[], counts.own_faults.get())),
    },
    ControlMetric {
        name: "mirrorlistd_mirror_sweep_age_seconds",
        kind: Gauge,
        help: "Since a sweep over all mirrors ended well on this node, or since it started",
        labels: &[],
        values: |s, out| {
            of_counts(s, out, |counts, out| out.gauge(&[], number(counts.sweep_age())));
        },
    },
    ControlMetric {
        name: "mirrorlistd_mirror_visits_due",
        kind: Gauge,
        help: "Visits that are due and wait for others of the same sweep",
        labels: &[],
        values: |s, out| of_counts(s, out, |counts, out| out.gauge(&[], number(counts.n_due()))),
    },
    ControlMetric {
        name: "mirrorlistd_mirror_visit_due_age_seconds",
        kind: Gauge,
        help: "Since when the one of them is due that waits the longest; 0 when none does, or none of them was \
               visited before",
        labels: &[],
        values: |s, out| of_counts(s, out, |counts, out| out.gauge(&[], number(counts.due_age()))),
    },
    ControlMetric {
        name: "mirrorlistd_mirror_visits_running",
        kind: Gauge,
        help: "Visits that go on",
        labels: &[],
        values: |s, out| {
            of_counts(s, out, |counts, out| out.gauge(&[], number(counts.n_running())))
        },
    },
    ControlMetric {
        name: "mirrorlistd_mirror_visits",
        kind: Counter,
        help: "Visits that have ended: something answered, nothing did, nothing was asked, the mirror wants to be \
               left alone, a budget was used up, or they were cancelled",
        labels: &[("tier", tiers), ("end", || ENDS.into())],
        values: |s, out| {
            of_counts(s, out, |counts, out| {
                for ([tier, end], n) in &counts.visits {
                    out.counter(&[("tier", tier), ("end", end)], n.get());
                }
            });
        },
    },
    ControlMetric {
        name: "mirrorlistd_mirror_visit_seconds",
        kind: Histogram,
        help: "How long visits took that were not cancelled",
        labels: &[("tier", tiers), ("le", OPEN)],
        values: |s, out| {
            of_counts(s, out, |counts, out| {
                for (tier, took) in &counts.took {
                    out.histogram(&[("tier", tier)], took);
                }
            });
        },
    },
    ControlMetric {
        name: "mirrorlistd_mirror_requests",
        kind: Counter,
        help: "Requests to mirrors",
        labels: &[],
        values: |s, out| of_counts(s, out, |counts, out| out.counter(&[], counts.requests.get())),
    },
    ControlMetric {
        name: "mirrorlistd_mirror_received_bytes",
        kind: Counter,
        help: "Bytes that mirrors sent as bodies",
        labels: &[],
        values: |s, out| of_counts(s, out, |counts, out| out.counter(&[], counts.bytes.get())),
    },
    ControlMetric {
        name: "mirrorlistd_mirror_urls_asked",
        kind: Counter,
        help: "Base URLs that visits asked over a version of IP; `untested` are those without an address of it, \
               there or here",
        labels: &[
            ("scheme", || SCHEMES.map(|scheme| scheme.as_str()).into()),
            ("ip", || IpVersion::ALL.map(IpVersion::as_str).into()),
            ("outcome", || OUTCOMES.into()),
        ],
        values: |s, out| {
            of_counts(s, out, |counts, out| {
                for ([scheme, ip, outcome], n) in &counts.urls {
                    out.counter(&[("scheme", scheme), ("ip", ip), ("outcome", outcome)], n.get());
                }
            });
        },
    },
    ControlMetric {
        name: "mirrorlistd_mirror_failures",
        kind: Counter,
        help: "Base URLs and repositories that have failed in visits, by class",
        labels: &[("of", || SUBJECTS.into()), ("class", || classes().collect())],
        values: |s, out| {
            of_counts(s, out, |counts, out| {
                for ([of, class], n) in &counts.failures {
                    out.counter(&[("of", of), ("class", class)], n.get());
                }
            });
        },
    },
    ControlMetric {
        name: "mirrorlistd_mirror_certificates",
        kind: Gauge,
        help: "Base URLs whose certificate is known, by its end: later than in 14 days, or in a third of the time \
               that it had when it was seen first if that is less; earlier; or over; without mirrors that are \
               switched off",
        labels: &[("validity", || VALIDITIES.into())],
        values: |s, out| {
            of_summary(s, out, |summary, out| {
                for validity in VALIDITIES {
                    let n = summary.certificates.get(validity).copied().unwrap_or(0);
                    out.gauge(&[("validity", validity)], number(n));
                }
            });
        },
    },
    ControlMetric {
        name: "mirrorlistd_mirror_repositories",
        kind: Gauge,
        help: "Pairs of a mirror that is not left out and a repository that it should have, by what it has; \
               clients still accept what is `behind`, and not what is `expired`",
        labels: &[("status", || Status::WORDS.into())],
        values: |s, out| {
            of_summary(s, out, |summary, out| {
                for (status, n) in summary.contents.by_status() {
                    out.gauge(&[("status", status)], number(n));
                }
            });
        },
    },
    ControlMetric {
        name: "mirrorlistd_mirror_behind_seconds",
        kind: Gauge,
        help: "For how long the primary has had something newer, in quantiles over these pairs; 0 for what is \
               current, and if nothing can be compared",
        labels: &[("quantile", || Contents::QUANTILES.map(|(quantile, _)| quantile).into())],
        values: |s, out| {
            of_summary(s, out, |summary, out| {
                for (quantile, age) in summary.contents.behind() {
                    out.gauge(&[("quantile", quantile)], number(age));
                }
            });
        },
    },
    ControlMetric {
        name: "mirrorlistd_repositories",
        kind: Gauge,
        help: "Repositories, by the best version that a mirror has which is not left out; of `none`, no mirror has \
               what clients accept",
        labels: &[("best", || Best::ALL.map(Best::word).into())],
        values: |s, out| {
            of_summary(s, out, |summary, out| {
                for (best, n) in summary.contents.by_best() {
                    out.gauge(&[("best", best)], number(n));
                }
            });
        },
    },
    ControlMetric {
        name: "mirrorlistd_repositories_distrusted",
        kind: Gauge,
        help: "Repositories of which so many mirrors have what the primary never had that the scan of it is doubted",
        labels: &[],
        values: |s, out| {
            of_summary(s, out, |summary, out| out.gauge(&[], number(summary.n_distrusted)));
        },
    },
    ControlMetric {
        name: "mirrorlistd_directories_distrusted",
        kind: Gauge,
        help: "Directories of which so many mirrors lack files that the scan of the primary is doubted",
        labels: &[],
        values: |s, out| {
            of_summary(s, out, |summary, out| {
                out.gauge(&[], number(summary.n_distrusted_directories));
            });
        },
    },
    ControlMetric {
        name: "mirrorlistd_directories_kept",
        kind: Gauge,
        help: "Directories that keep mirrors which are not good, as there were too few others",
        labels: &[],
        values: |s, out| of_summary(s, out, |summary, out| out.gauge(&[], number(summary.n_kept))),
    },
    ControlMetric {
        name: "mirrorlistd_findings_age_seconds",
        kind: Gauge,
        help: "Since the file of findings was known on this node to say what visits have shown, but for changes of \
               the order of lists that wait; or since it started",
        labels: &[],
        values: |s, out| {
            of_counts(s, out, |counts, out| out.gauge(&[], number(counts.findings_age())));
        },
    },
    ControlMetric {
        name: "mirrorlistd_mirror_survey_age_seconds",
        kind: Gauge,
        help: "Since this node has looked what pages of mirrors say, which it does every 10 minutes at least; or since \
               it started",
        labels: &[],
        values: |s, out| {
            of_counts(s, out, |counts, out| out.gauge(&[], number(counts.survey_age())));
        },
    },
    ControlMetric {
        name: "mirrorlistd_findings_made_timestamp_seconds",
        kind: Gauge,
        help: "When the findings in the file were made, as far as this node knows; they stay while nothing changes",
        labels: &[],
        values: |s, out| {
            of_counts(s, out, |counts, out| {
                counts.findings_made().into_iter().for_each(|made| out.gauge(&[], number(made)));
            });
        },
    },
    ControlMetric {
        name: "mirrorlistd_findings_writes",
        kind: Counter,
        help: "How often this node has written them; a compile follows each time",
        labels: &[],
        values: |s, out| of_counts(s, out, |counts, out| out.counter(&[], counts.writes.get())),
    },
    ControlMetric {
        name: "mirrorlistd_primary_scan_timestamp_seconds",
        kind: Gauge,
        help: "When the primary was scanned with which mirrors are compared; only where the catalog has an index",
        labels: &[],
        values: |s, out| {
            of_summary(s, out, |summary, out| {
                summary.scanned.into_iter().for_each(|scanned| out.gauge(&[], number(scanned)));
            });
        },
    },
];

fn of_counts(
    s: &Scrape<'_>,
    out: &mut Exposition,
    write: impl FnOnce(&SweepNumbers, &mut Exposition),
) {
    if let Some(counts) = s.checks {
        write(counts, out);
    }
}

fn of_summary(s: &Scrape<'_>, out: &mut Exposition, write: impl FnOnce(&Summary, &mut Exposition)) {
    if let Some(summary) = &s.mirrors {
        write(summary, out);
    }
}

#[allow(clippy::cast_precision_loss, reason = "far fewer than 2^53")]
fn number(n: u64) -> f64 {
    n as f64
}

fn tiers() -> Vec<&'static str> {
    Tier::ALL.map(Tier::as_str).into()
}
