//! Drawings of how versions spread: a bar of shares, and curves over the hours after a change.

use std::fmt::Write as _;

use checks::propagation::{Change, HOURS, Mass, Spread};

use super::words::percent;

/// The width of a bar, in its own units.
const BAR: f64 = 200.0;
/// The size of the curve's field, in its own units.
const FIELD: (f64, f64) = (300.0, 100.0);

/// A part of a bar.
pub(super) struct Part {
    pub(super) label: &'static str,
    pub(super) class: &'static str,
    pub(super) mirrors: u32,
    /// Its share of the mirrors, and of the bandwidth.
    pub(super) of_mirrors: String,
    pub(super) of_bandwidth: String,
    /// Where its piece of the bar of mirrors begins, and how wide it is, of 200.
    pub(super) x: String,
    pub(super) width: String,
}

/// The parts of a spread, from good to bad; all of them, also those that are empty.
pub(super) fn parts(spread: &Spread) -> Vec<Part> {
    let all = [
        ("current", "current", spread.current),
        ("previous", "previous", spread.previous),
        ("older", "older", spread.older),
        ("foreign", "foreign", spread.foreign),
        ("not there", "missing", spread.missing),
        ("not known", "unknown", spread.unknown),
    ];
    let mut x = 0.0;
    let part = |(label, class, mass): (&'static str, &'static str, Mass)| {
        let (mirrors, bandwidth) = mass.share_of(spread.all);
        let (begin, width) = (x, mirrors * BAR);
        x += width;
        Part {
            label,
            class,
            mirrors: mass.0,
            of_mirrors: percent(mirrors),
            of_bandwidth: percent(bandwidth),
            x: format!("{begin:.1}"),
            width: format!("{width:.1}"),
        }
    };
    all.into_iter().map(part).collect()
}

/// A row of the table that says what the curves show.
pub(super) struct HourRow {
    pub(super) hours: u64,
    /// Shares of the last change; `None` if that time is still to come.
    pub(super) last: Option<(String, String)>,
    /// Medians of the shares of the changes that are known.
    pub(super) median: Option<(String, String)>,
}

/// Curves over the hours after a change, as the points of polylines in a field of 300 × 100.
pub(super) struct Curves {
    /// The last change: of mirrors, and of bandwidth.
    pub(super) mirrors: String,
    pub(super) bandwidth: String,
    /// The median of mirrors.
    pub(super) median: String,
    pub(super) rows: Vec<HourRow>,
    /// Where the labels of hours are.
    pub(super) labels: Vec<(String, u64)>,
}

/// The hours that are labelled.
const LABELLED: [u64; 6] = [1, 4, 8, 24, 48, 72];

/// The curves of the last change, and of the median of all.
pub(super) fn curves(last: Option<&Change>, median: &[(f64, f64)]) -> Curves {
    let shares: Vec<(f64, f64)> =
        last.map_or(Vec::new(), |last| last.points.iter().map(|point| point.share()).collect());
    let text = |(mirrors, bandwidth): &(f64, f64)| (percent(*mirrors), percent(*bandwidth));
    let rows = HOURS.iter().enumerate().map(|(n, hours)| HourRow {
        hours: *hours,
        last: shares.get(n).map(text),
        median: median.get(n).map(text),
    });
    Curves {
        mirrors: points(shares.iter().map(|(mirrors, _)| *mirrors)),
        bandwidth: points(shares.iter().map(|(_, bandwidth)| *bandwidth)),
        median: points(median.iter().map(|(mirrors, _)| *mirrors)),
        rows: rows.collect(),
        labels: LABELLED.map(|hours| (format!("{:.0}", x_of(hours)), hours)).into(),
    }
}

/// Hours are drawn by their square root, so that the first ones can be told apart.
fn x_of(hours: u64) -> f64 {
    let root = |hours: u64| f64::from(u32::try_from(hours).unwrap_or(u32::MAX)).sqrt();
    root(hours) / root(HOURS.last().copied().unwrap_or(1)) * FIELD.0
}

fn points(shares: impl Iterator<Item = f64>) -> String {
    let mut points = format!("0,{:.0}", FIELD.1);
    for (hours, share) in HOURS.iter().zip(shares) {
        // A String takes everything.
        let _ = write!(points, " {:.1},{:.1}", x_of(*hours), (1.0 - share) * FIELD.1);
    }
    points
}

#[cfg(test)]
mod tests {
    use checks::propagation::Point;

    use super::*;

    #[test]
    fn curves_begin_with_nothing_and_end_with_what_is_known() {
        let point = |reached| Point { reached, all: Mass(4, 400) };
        let points = [Mass(1, 300), Mass(4, 400)].map(point).into();
        let change = Change { at: 0, points };
        let curves = curves(Some(&change), &[(0.5, 0.5)]);
        assert_eq!(curves.mirrors, "0,100 35.4,75.0 50.0,0.0");
        assert_eq!(curves.bandwidth, "0,100 35.4,25.0 50.0,0.0");
        assert_eq!(curves.median, "0,100 35.4,50.0");
        assert_eq!(curves.rows.len(), HOURS.len());
        assert!(curves.rows[1].last.is_some() && curves.rows[2].last.is_none());
        assert_eq!(curves.labels.last(), Some(&("300".to_owned(), 72)));
        assert_eq!(super::curves(None, &[]).mirrors, "0,100");
    }

    #[test]
    fn the_pieces_of_a_bar_lie_side_by_side() {
        let spread = Spread {
            all: Mass(4, 400),
            current: Mass(1, 300),
            missing: Mass(3, 100),
            ..Spread::default()
        };
        let parts = parts(&spread);
        let pieces: Vec<_> = parts.iter().map(|part| (&*part.x, &*part.width)).collect();
        assert_eq!(pieces[0], ("0.0", "50.0"));
        assert_eq!(pieces[4], ("50.0", "150.0"));
        assert_eq!(parts.iter().map(|part| part.mirrors).sum::<u32>(), 4);
    }
}
