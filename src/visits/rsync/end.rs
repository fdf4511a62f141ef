//! What the end of an rsync means for its listing.

use std::os::unix::process::ExitStatusExt;

use checks::class::FailureClass;
use checks::listing::Extent;
use model::one_line::one_line;

use super::lines::Exceeded;
use super::run::{Run, StopReason};

/// How a listing ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListingEnd {
    /// Everything was listed.
    Whole,
    /// Everything but some directories that the server could not read.
    Gaps,
    /// A limit was reached: `wall`, `bytes` or `lines`. What was listed until then is there.
    Budget(&'static str),
    /// It failed, and nothing that was listed counts.
    Failed {
        /// The class.
        class: FailureClass,
        /// What was seen, on one line.
        detail: String,
    },
}

impl ListingEnd {
    /// How much of the tree is covered by what was listed; `None` if nothing of it counts.
    pub fn extent(&self) -> Option<Extent> {
        match self {
            Self::Whole => Some(Extent::Whole),
            Self::Gaps => Some(Extent::Gaps),
            Self::Budget(_) => Some(Extent::Cut),
            Self::Failed { .. } => None,
        }
    }

    pub(super) fn failed(class: FailureClass, detail: impl Into<String>) -> Self {
        Self::Failed { class, detail: one_line(&detail.into()) }
    }
}

/// What was seen of the lines of a listing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Seen {
    /// Entries, with the top.
    pub(super) entries: u64,
    /// Lines that are none, without those that are too long.
    pub(super) odd_lines: u64,
}

/// Decides how a listing ended. `max_odd` is the number of odd lines that any listing may have.
pub(super) fn end_of(run: &Run, seen: Seen, max_odd: u64) -> ListingEnd {
    let odd = seen.odd_lines + run.counts.long_lines;
    if odd > max_odd || odd > run.counts.lines / 100 + 1 {
        let detail = format!("{odd} of {} lines are no entries", run.counts.lines);
        return ListingEnd::failed(FailureClass::RsyncProtocol, detail);
    }
    match run.stopped {
        Some(StopReason::Time) => return ListingEnd::Budget("wall"),
        Some(StopReason::Output(Exceeded::Bytes)) => return ListingEnd::Budget("bytes"),
        Some(StopReason::Output(Exceeded::Lines)) => return ListingEnd::Budget("lines"),
        Some(StopReason::Unreadable) => {
            return ListingEnd::failed(FailureClass::OwnNetwork, "its output cannot be read");
        }
        None => {}
    }
    let Some(code) = run.status.and_then(|status| status.code()) else {
        let signal = run.status.and_then(|status| status.signal());
        let detail = match signal {
            Some(signal) => format!("rsync was ended by signal {signal}"),
            None => "rsync cannot be ended".to_owned(),
        };
        return ListingEnd::failed(FailureClass::OwnNetwork, detail);
    };
    let is_clean = matches!(code, 0 | 24);
    let (class, detail) = match code {
        0 | 23 | 24 if run.is_cut => (FailureClass::Truncated, "ends within a line".to_owned()),
        0 | 24 if seen.entries > 0 => return ListingEnd::Whole,
        // With the top alone, it is the top that cannot be read.
        23 if seen.entries > 1 => return ListingEnd::Gaps,
        _ if is_clean => (FailureClass::RsyncProtocol, "lists nothing".to_owned()),
        _ => (class(code, &run.messages), detail(code, &run.messages)),
    };
    ListingEnd::failed(class, detail)
}

/// The class of a failure. Texts tell more than codes, and come from the mirror in part: it can only choose
/// among the classes that are its own fault.
fn class(code: i32, messages: &str) -> FailureClass {
    let says = |words: &[&str]| words.iter().any(|word| messages.contains(word));
    match code {
        5 if says(&["Unknown module", "unknown module"]) => FailureClass::RsyncModule,
        5 if says(&["max connections", "try again later"]) => FailureClass::Busy,
        5 if says(&["auth", "denied"]) => FailureClass::Forbidden,
        5 if says(&["chdir failed", "chroot failed"]) => FailureClass::Missing,
        23 if says(&["Permission denied"]) => FailureClass::Forbidden,
        23 => FailureClass::Missing,
        10 if says(&["Connection refused"]) => FailureClass::ConnectRefused,
        10 if says(&["failed to connect"]) => FailureClass::ConnectTimeout,
        10 => FailureClass::Truncated,
        35 => FailureClass::ConnectTimeout,
        30 => FailureClass::ReadTimeout,
        2 | 5 | 12 | 13 => FailureClass::RsyncProtocol,
        // Memory for its lists.
        22 => FailureClass::Budget,
        _ => FailureClass::OwnNetwork,
    }
}

/// The message that says most: what the server says, else the first one of rsync.
fn detail(code: i32, messages: &str) -> String {
    let find =
        |word| messages.lines().find_map(|line| line.find(word).and_then(|at| line.get(at..)));
    let message = find("@ERROR: ").or_else(|| find("rsync: ")).or_else(|| messages.lines().next());
    match message {
        Some(message) => format!("{} (exit {code})", message.trim()),
        None => format!("exit {code}"),
    }
}

#[cfg(test)]
mod tests {
    use std::process::ExitStatus;

    use super::*;
    use crate::rsync::lines::Counts;

    fn run(status: i32, messages: &str) -> Run {
        let counts = Counts { bytes: 10, lines: 10, long_lines: 0 };
        let status = Some(ExitStatus::from_raw(status));
        Run { status, stopped: None, counts, is_cut: false, messages: messages.to_owned() }
    }

    const SOME: Seen = Seen { entries: 10, odd_lines: 0 };

    #[track_caller]
    fn failed(run: &Run, seen: Seen, expected: &str) {
        match end_of(run, seen, 100) {
            ListingEnd::Failed { class, detail } => {
                assert_eq!(format!("{class}: {detail}"), expected)
            }
            other => panic!("{other:?} and not {expected}"),
        }
    }

    #[test]
    fn exits_have_classes() {
        for (code, message, expected) in [
            (
                5,
                "@ERROR: Unknown module 'x'\nrsync error: …",
                "rsync_module: @ERROR: Unknown module 'x' (exit 5)",
            ),
            (
                5,
                "@ERROR: max connections (4) reached -- try again later",
                "busy: @ERROR: max connections (4) reached -- try again later (exit 5)",
            ),
            (
                5,
                "Password: @ERROR: auth failed on module x",
                "forbidden: @ERROR: auth failed on module x (exit 5)",
            ),
            (
                5,
                "@ERROR: access denied to x from y (192.0.2.1)",
                "forbidden: @ERROR: access denied to x from y (192.0.2.1) (exit 5)",
            ),
            (5, "@ERROR: chdir failed", "missing: @ERROR: chdir failed (exit 5)"),
            (5, "", "rsync_protocol: exit 5"),
            (
                10,
                "rsync: failed to connect to x: Connection refused (111)",
                "connect_refused: rsync: failed to connect to x: Connection refused (111) (exit 10)",
            ),
            (
                10,
                "rsync: failed to connect to x: No route to host (113)",
                "connect_timeout: rsync: failed to connect to x: No route to host (113) (exit 10)",
            ),
            (
                10,
                "rsync: [Receiver] read error: Connection reset by peer (104)",
                "truncated: rsync: [Receiver] read error: Connection reset by peer (104) (exit 10)",
            ),
            (12, "x\ty", "rsync_protocol: x\\ty (exit 12)"),
            (22, "", "budget: exit 22"),
            (30, "", "read_timeout: exit 30"),
            (35, "", "connect_timeout: exit 35"),
            (
                127,
                "prlimit: failed to execute",
                "own_network: prlimit: failed to execute (exit 127)",
            ),
        ] {
            failed(&run(code << 8, message), SOME, expected);
        }
        failed(&run(9, ""), SOME, "own_network: rsync was ended by signal 9");
        failed(&Run { status: None, ..run(0, "") }, SOME, "own_network: rsync cannot be ended");
    }

    #[test]
    fn what_was_listed_counts_if_its_end_is_known() {
        let end = |code: i32| end_of(&run(code << 8, ""), SOME, 100);
        assert_eq!(
            [end(0), end(24), end(23)],
            [ListingEnd::Whole, ListingEnd::Whole, ListingEnd::Gaps]
        );
        let top = Seen { entries: 1, odd_lines: 0 };
        assert_eq!(end_of(&run(0, ""), top, 100), ListingEnd::Whole);
        failed(
            &run(23 << 8, "rsync: opendir failed: Permission denied (13)"),
            top,
            "forbidden: rsync: opendir failed: Permission denied (13) (exit 23)",
        );
        failed(&run(23 << 8, ""), Seen::default(), "missing: exit 23");
        failed(&run(0, ""), Seen::default(), "rsync_protocol: lists nothing");
        failed(&Run { is_cut: true, ..run(0, "") }, SOME, "truncated: ends within a line");
        for (stopped, name) in [
            (StopReason::Time, "wall"),
            (StopReason::Output(Exceeded::Bytes), "bytes"),
            (StopReason::Output(Exceeded::Lines), "lines"),
        ] {
            let run = Run { stopped: Some(stopped), ..run(15, "") };
            assert_eq!(end_of(&run, SOME, 100), ListingEnd::Budget(name));
        }
    }

    #[test]
    fn a_listing_of_odd_lines_is_void() {
        let with = |lines, odd_lines, long_lines| {
            let run = Run { counts: Counts { bytes: 0, lines, long_lines }, ..run(0, "") };
            end_of(&run, Seen { entries: 1, odd_lines }, 100)
        };
        assert_eq!(with(10_000, 60, 40), ListingEnd::Whole);
        assert_eq!(with(10, 0, 1), ListingEnd::Whole, "one line is nothing");
        for (lines, odd, long) in [(1_000_000, 101, 0), (100, 2, 1), (10, 2, 0)] {
            assert_eq!(with(lines, odd, long).extent(), None);
        }
    }
}
