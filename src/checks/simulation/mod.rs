//! Hundreds of mirrors over a month, with everything that happens to mirrors and to us: outages, restarts, errors,
//! flapping, old and foreign content, a day without network, six hours without IPv6, an hour without authorities, and
//! clocks that jump. Every visit is made and judged; nothing is skipped.
//!
//! Minutes include six until answers know of a visit, and five more where only the order of lists changes. What is
//! counted in hours, as what the checks have switched off, or begins in a fault of our own, is printed and not bounded.
//!
//! The usual tests have 100 mirrors over 30 days, and sites of 2, 3 and 5 mirrors. What others take minutes for:
//!
//! ```text
//! cargo test -p mirrorlistd-checks --lib -- --ignored --nocapture --test-threads 1 simulation
//! ```
//!
//! runs 2,000 mirrors, a day of them that says what judging costs, more small sites, and AlmaLinux's mirrors. Its results
//! are in `benches/results/`.

mod alma;
mod cost;
mod figures;
mod run;
mod world;

use figures::Figures;
use run::{
    BACK, BACK_AGAIN, DEAD, DEAD_AGAIN, DROPPED, FILLED, HIDDEN, HOLES, REQUESTS, REQUESTS_LONG,
    Simulation, WANTED,
};
use world::{DAY, HOUR, Incident, Kind, MINUTE, Own, Site};

const NONE: [&str; 0] = [];
/// Seconds of processor time, and MiB of memory, that 2,000 mirrors may cost in a day.
const COST: (u64, u64) = (600, 150);

#[test]
fn many_mirrors_over_a_month() {
    let mut simulation = Simulation::new(Site::new(100, 30), 7);
    simulation.run(30);
    assert_eq!(simulation.figures.check("100 mirrors, 30 days", &WANTED), NONE);
}

#[test]
#[ignore = "takes minutes"]
fn two_thousand_mirrors_over_a_month() {
    let mut simulation = Simulation::new(Site::new(2_000, 30), 7);
    simulation.run(30);
    assert_eq!(simulation.figures.check("2,000 mirrors, 30 days", &WANTED), NONE);
}

#[test]
#[ignore = "takes minutes, and measures"]
fn a_day_of_two_thousand_mirrors_costs_little() {
    let mut simulation = Simulation::new(Site::new(2_000, 30), 7);
    simulation.run(2);
    let cost = simulation.cost(2);
    cost.print();
    let (seconds, mebibytes) = (cost.seconds(), cost.mebibytes());
    assert!(seconds <= COST.0 && mebibytes <= COST.1, "{seconds} s, {mebibytes} MiB");
}

/// Sites of which one mirror at a time has trouble.
fn few(n_seeds: u64) -> Vec<String> {
    let mut missed = Vec::new();
    for (n_mirrors, has_v6) in [2, 3, 5].into_iter().flat_map(|n| [(n, false), (n, true)]) {
        let mut figures = Figures::default();
        for seed in 0..n_seeds {
            let mut site = Site::new(n_mirrors, 15);
            site.is_one_by_one = true;
            site.mirrors.iter_mut().for_each(|mirror| mirror.1 = has_v6);
            let mut simulation = Simulation::new(site, seed).with(figures);
            simulation.run(15);
            figures = simulation.figures;
        }
        let v6 = if has_v6 { " with IPv6" } else { "" };
        let title = format!("{n_mirrors} mirrors{v6}, {n_seeds} times 15 days");
        // Not everything happens at each of them.
        let least = |name| usize::from([DEAD, BACK, REQUESTS].contains(&name));
        let wanted = WANTED.map(|(name, _, most)| (name, least(name), most));
        missed.extend(figures.check(&title, &wanted));
    }
    missed
}

#[test]
fn sites_of_few_mirrors() {
    assert_eq!(few(2), NONE);
}

/// Three mirrors, of which one goes up and down for two days; another one dies after a day and a half.
#[test]
fn a_mirror_that_flaps_leaves_others_enough_for_bearing_witness() {
    let mut figures = Figures::default();
    for seed in 0..10 {
        let mut simulation = Simulation::new(Site::new(3, 30), seed).with(figures);
        let incident = |kind, from, until| Incident { kind, from, until, repository: 0 };
        let at = |hours: u64| hours * HOUR + seed * 7 * MINUTE;
        let incidents = [
            vec![incident(Kind::Flapping, at(24), at(72))],
            vec![incident(Kind::Dead, at(60), at(66))],
            Vec::new(),
        ];
        for (mirror, incidents) in simulation.world.mirrors.iter_mut().zip(incidents) {
            mirror.incidents = incidents;
        }
        simulation.run(5);
        figures = simulation.figures;
    }
    let wanted = [(DEAD, 10, 25), (BACK, 10, 40), (REQUESTS, 10, 400), (DROPPED, 0, 0)];
    assert_eq!(figures.check("3 mirrors, one flapping", &wanted), NONE);
}

/// What happens to each third mirror from `start` on, in seconds: each kind with the minute in which it begins, and how
/// many minutes it lasts. Of each mirror it begins 37 minutes later than of the one before.
fn tell(simulation: &mut Simulation, start: u64, story: &[(Kind, u64, u64)]) {
    for (n, mirror) in (0..).zip(&mut simulation.world.mirrors).step_by(3) {
        let at = |minute: u64| start + (minute + n * 37) * MINUTE;
        let incident = |&(kind, from, length)| Incident {
            kind,
            from: at(from),
            until: at(from + length),
            repository: 0,
        };
        mirror.incidents = story.iter().map(incident).collect();
    }
}

/// So many sites with these mirrors, of which nothing happens to two in three.
fn told(
    n_sites: u64,
    site: impl Fn() -> Site,
    n_days: u64,
    start: impl Fn(u64) -> u64,
    story: impl Fn(u64) -> Vec<(Kind, u64, u64)>,
) -> Figures {
    let mut figures = Figures::default();
    for seed in 0..n_sites {
        let mut simulation = Simulation::new(site(), seed).with(figures);
        simulation.world.mirrors.iter_mut().for_each(|mirror| mirror.incidents.clear());
        tell(&mut simulation, start(seed), &story(seed));
        simulation.run(n_days);
        figures = simulation.figures;
    }
    figures
}

/// A mirror that flaps for a day is broken for 80 minutes on the next day, and again four hours later.
#[test]
fn a_mirror_that_has_worked_for_hours_is_found_to_be_dead_however_much_it_owes() {
    let story = |_| {
        vec![
            (Kind::Flapping, 0, 24 * 60),
            (Kind::Broken, 48 * 60, 80),
            (Kind::Broken, 48 * 60 + 80 + 250, 270),
        ]
    };
    let start = |seed| 20 * HOUR + seed * 7 * MINUTE;
    let mut figures = told(10, || Site::new(10, 300), 5, start, story);
    let wanted = [(DEAD, 80, 25), (BACK, 80, 40), (REQUESTS, 10, 400), (DROPPED, 0, 0)];
    assert_eq!(figures.check("10 mirrors, four dead after a day of flapping", &wanted), NONE);
}

/// A mirror that flaps for a day, works for three hours and a half, is broken for 80 minutes, works for an hour, and is
/// broken for hours.
fn dead_twice(_: u64) -> Vec<(Kind, u64, u64)> {
    let first = 24 * 60 + 210;
    vec![
        (Kind::Flapping, 0, 24 * 60),
        (Kind::Broken, first, 80),
        (Kind::Broken, first + 80 + 60, 300),
    ]
}

#[test]
fn a_mirror_that_has_used_its_reserve_is_still_visited_when_it_fails_again() {
    let start = |seed| 20 * HOUR + seed * 7 * MINUTE;
    let mut figures = told(10, || Site::new(10, 300), 4, start, dead_twice);
    // All of its requests are used up by the first death, so that the second one is seen at regular visits.
    let wanted =
        [(DEAD_AGAIN, 80, 240), (BACK_AGAIN, 80, 60), (REQUESTS, 10, 400), (DROPPED, 0, 0)];
    assert_eq!(figures.check("10 mirrors, four dead twice after a day of flapping", &wanted), NONE);
}

/// Those of five hosts each. With ten the second death is seen after more than four hours, as each host is asked three
/// times, at regular visits.
#[test]
fn mirrors_of_many_urls_that_have_used_their_reserve_are_still_visited() {
    let start = |seed| 20 * HOUR + seed * 7 * MINUTE;
    let mut figures = told(6, || Site::new(10, 300).with_urls(5, false), 4, start, dead_twice);
    // 400, and 20 for each of the other three URLs.
    let wanted =
        [(DEAD_AGAIN, 48, 240), (BACK_AGAIN, 48, 60), (REQUESTS, 10, 460), (DROPPED, 0, 0)];
    let title = "10 mirrors of five URLs, four dead twice after a day of flapping";
    assert_eq!(figures.check(title, &wanted), NONE);
}

/// Mirrors that flap for hours and are broken some hours later, within the same day or the next one.
#[test]
#[ignore = "takes a minute"]
fn mirrors_that_are_dead_soon_after_flapping_cost_no_more_and_are_found() {
    let story = |seed| {
        let long = 360 + 60 * (seed % 10);
        let day = |n: u64| n * 24 * 60;
        vec![
            (Kind::Flapping, 0, long),
            (Kind::Broken, long + 240 + seed * 3, 260),
            (Kind::Flapping, day(2), long),
            (Kind::Broken, day(2) + long + 500, 400),
            (Kind::Flapping, day(4), long),
            (Kind::Broken, day(4) + long + 300, 100),
            (Kind::Broken, day(4) + long + 640, 160),
        ]
    };
    let start = |seed| 5 * HOUR + seed * 17 * MINUTE;
    let mut figures = told(40, || Site::new(15, 300), 6, start, story);
    let wanted = WANTED.map(|(name, _, most)| (name, 0, most));
    assert_eq!(figures.check("15 mirrors, five dead soon after flapping", &wanted), NONE);
}

/// Sites that have no IPv6 for days, so that mirrors are judged without it. A quarter of the mirrors have one URL.
#[test]
fn mirrors_are_judged_in_time_while_ipv6_is_dead_for_days() {
    let mut figures = Figures::default();
    for seed in 0..6 {
        let mut site = Site::new(30, 300);
        site.mirrors.iter_mut().step_by(4).for_each(|mirror| mirror.0.truncate(1));
        let mut simulation = Simulation::new(site, seed).with(figures);
        simulation.world.own = vec![(Own::V6, (DAY, 4 * DAY))];
        simulation.run(5);
        figures = simulation.figures;
    }
    let wanted = WANTED.map(|(name, least, most)| match name {
        DEAD | BACK | REQUESTS => (name, least, most),
        _ => (name, 0, most),
    });
    assert_eq!(figures.check("30 mirrors, IPv6 is dead for three days", &wanted), NONE);
}

/// Mirrors of which files are sampled once a day. Every second one lacks each second file of a directory for days.
#[test]
fn mirrors_that_lack_files_are_out_of_that_directory_and_no_others() {
    let site = Site { is_sampled: true, ..Site::new(20, 30) };
    let mut simulation = Simulation::new(site, 1);
    let every_second = simulation.world.mirrors.iter_mut().step_by(2);
    for ((repository, n), mirror) in (0..).zip((0..).step_by(2)).zip(every_second) {
        let of = |day: u64| {
            let from = day * DAY + n * HOUR;
            let until = from + 6 * DAY;
            Incident { kind: Kind::Holes, from, until, repository }
        };
        mirror.incidents = vec![of(2), of(16)];
    }
    simulation.run(30);
    let days = |n: u64| n * DAY / MINUTE;
    let wanted = [
        (HOLES, 20, days(4)),
        (FILLED, 20, days(2)),
        (REQUESTS, 10, 420),
        (DROPPED, 0, 0),
        (HIDDEN, 0, 0),
    ];
    assert_eq!(simulation.figures.check("20 mirrors whose files are sampled", &wanted), NONE);
}

/// Mirrors of ten URLs, half of them of https, which answer with errors for hours.
#[test]
fn mirrors_of_many_urls_are_back_soon_after_long_errors() {
    let mut figures = Figures::default();
    for has_v6 in [false, true] {
        let site = Site::new(20, 30).with_urls(10, has_v6);
        let mut simulation = Simulation::new(site, 1).with(figures);
        simulation.world.own.clear();
        for (n, mirror) in (0..).zip(&mut simulation.world.mirrors) {
            let of = |day: u64| {
                let from = day * DAY + n * HOUR;
                let until = from + (6 + 2 * n) * HOUR + n * 7 * MINUTE;
                Incident { kind: Kind::Broken, from, until, repository: 0 }
            };
            mirror.incidents = if n % 4 == 0 { vec![of(1), of(4)] } else { Vec::new() };
        }
        simulation.run(8);
        figures = simulation.figures;
    }
    // 400, and 20 for each of the other eight URLs; none gets to its reserve.
    let wanted = [(DEAD, 10, 25), (BACK, 10, 40), (REQUESTS, 10, 560), (DROPPED, 0, 0)];
    assert_eq!(figures.check("20 mirrors of ten URLs", &wanted), NONE);
}

/// Sites of 20 mirrors, of which so many have IPv6.
fn few_with_v6(n_with_v6: usize, n_seeds: u64) -> Vec<String> {
    let mut figures = Figures::default();
    for seed in 0..n_seeds {
        let mut site = Site::new(20, 15);
        (0..).zip(&mut site.mirrors).for_each(|(n, mirror)| mirror.1 = n < n_with_v6);
        let mut simulation = Simulation::new(site, seed).with(figures);
        simulation.run(15);
        figures = simulation.figures;
    }
    let title = format!("20 mirrors, {n_with_v6} of them with IPv6, {n_seeds} times 15 days");
    figures.check(&title, &WANTED)
}

#[test]
fn sites_where_few_mirrors_have_v6() {
    let missed: Vec<String> = [1, 2, 3].into_iter().flat_map(|n| few_with_v6(n, 4)).collect();
    assert_eq!(missed, NONE);
}

#[test]
#[ignore = "takes minutes"]
fn more_sites_of_few_mirrors() {
    assert_eq!(few(30), NONE);
}

#[test]
#[ignore = "needs AlmaLinux's own files in shared/data/almalinux beside the working copy"]
fn the_mirrors_of_almalinux() {
    let site = alma::site(10).expect("AlmaLinux's files");
    let (n_mirrors, n_repositories) = (site.mirrors.len(), site.repositories.len());
    let mut simulation = Simulation::new(site, 7);
    simulation.run(10);
    let title = format!("AlmaLinux: {n_mirrors} mirrors, {n_repositories} repositories");
    let requests = 40 * n_repositories as u64;
    let wanted = WANTED.map(|(name, least, most)| match name {
        REQUESTS => (name, least, requests),
        REQUESTS_LONG => (name, least, requests * 27 / 24),
        _ => (name, least, most),
    });
    assert_eq!(simulation.figures.check(&title, &wanted), NONE);
}
