//! Listings by rsync.

use super::*;

/// A listing that began then, with one directory.
fn listing(started: u64, outcome: Outcome, missing: u64) -> Visit {
    let seen = UrlSeen {
        url: "rsync://a.example/pub".into(),
        version: IpVersion::V4,
        address: None,
        outcome,
        first_byte: None,
        redirected_to: None,
        certificate_expires: None,
    };
    let directory = "9/images".to_owned();
    let seen_of = DirectorySeen { directory, present: 1, missing, other_size: 0, is_whole: true };
    Visit {
        mirror: "m".into(),
        tier: Tier::Listing,
        round: 0,
        started,
        millis: 0,
        is_asked: true,
        requests: 1,
        bytes: 0,
        end: End::Complete,
        urls: vec![seen],
        repositories: Vec::new(),
        directories: vec![seen_of],
    }
}

impl Bench {
    /// A good mirror with a directory of images, of which it is by the clock so late.
    fn with_images() -> Self {
        let mut bench = Self::new();
        bench.entry.trees[0].directories.push("9/images".into());
        bench.good(0);
        bench
    }

    fn list(&mut self, visit: &Visit) {
        let context = Context {
            settings: &self.settings,
            history: &self.history,
            entry: &self.entry,
            now: self.now,
            own_fault: OwnFault::default(),
            distrusted: &self.distrusted,
        };
        assert_eq!(judge(&mut self.state, visit, &context), []);
    }

    /// How many looks have missed something, and whether that is certain.
    fn images(&self) -> Option<(u32, bool)> {
        self.state
            .directories
            .get("9/images")
            .map(|known| (known.n_incomplete, known.is_incomplete))
    }
}

#[test]
fn rsync_that_fails_changes_nothing() {
    let failed = |class| Outcome::Failed(Failure::new(class, "rsync://a.example/pub", "x"));
    for outcome in [
        Outcome::NotTested,
        failed(FailureClass::ReadTimeout),
        failed(FailureClass::RsyncModule),
        failed(FailureClass::Busy),
        failed(FailureClass::OwnNetwork),
        failed(FailureClass::Budget),
    ] {
        let mut bench = Bench::with_images();
        let before = bench.state.clone();
        bench.list(&listing(bench.now.clock, outcome.clone(), 1));
        assert_eq!(bench.state, before, "{outcome:?}");
    }
}

#[test]
fn listings_count_as_of_their_begin_and_the_second_look_comes_hours_after_the_first() {
    let mut bench = Bench::with_images();
    let first = bench.now.clock - 600;
    bench.list(&listing(first, Outcome::Good, 1));
    assert_eq!(bench.state.listed, Moment { clock: first, ..bench.now });
    assert_eq!(bench.images(), Some((1, false)));
    // Recorded late by another process, the same one once more, and one that somebody asked for meanwhile.
    for (started, missing) in [(first - 1, 0), (first, 1), (first + 60, 1)] {
        bench.list(&listing(started, Outcome::Good, missing));
        assert_eq!(bench.images(), Some((1, false)), "{started}");
    }
    bench.list(&listing(first + BETWEEN_LISTINGS, Outcome::Good, 1));
    assert_eq!(bench.images(), Some((2, true)));
    // From now on each counts, and one that misses nothing decides.
    bench.list(&listing(first + BETWEEN_LISTINGS + 60, Outcome::Good, 0));
    assert_eq!(bench.images(), Some((0, false)));
}

#[test]
fn a_clock_that_was_set_back_does_not_keep_listings_from_being_counted() {
    let mut bench = Bench::with_images();
    let (day, now) = (86_400, bench.now.clock);
    bench.list(&listing(now, Outcome::Good, 1));
    bench.now.clock -= day;
    bench.list(&listing(now - day, Outcome::Good, 1));
    assert_eq!(bench.state.listed.clock, now - day);
    assert_eq!(bench.images(), Some((2, true)));
}

#[test]
fn what_a_listing_does_not_tell_any_more_is_in_no_doubt() {
    let mut bench = Bench::with_images();
    let now = bench.now.clock;
    bench.list(&listing(now, Outcome::Good, 1));
    // The primary has removed the directory, for example.
    let silent = Visit { directories: Vec::new(), ..listing(now + 60, Outcome::Good, 1) };
    bench.list(&silent);
    assert_eq!(bench.images(), Some((0, false)));
    bench.list(&listing(now + 30 * DAY, Outcome::Good, 1));
    assert_eq!(bench.images(), Some((1, false)), "a first look");
}

#[test]
fn a_listing_that_was_cut_is_no_listing_of_all() {
    let mut bench = Bench::with_images();
    let cut =
        Visit { end: End::Budget("wall".into()), ..listing(bench.now.clock, Outcome::Good, 1) };
    bench.list(&cut);
    assert_eq!((bench.state.listed, bench.images()), (Moment::default(), Some((1, false))));
}

#[test]
fn who_asks_to_be_left_alone_over_http_is_left_alone() {
    let mut bench = Bench::with_images();
    let busy = Visit { end: End::Busy(Some(900)), ..listing(bench.now.clock, Outcome::Good, 0) };
    bench.list(&busy);
    assert_eq!(bench.state.busy_until, bench.now.clock + 900);
}
