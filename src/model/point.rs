//! Points on the earth, and distances between them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A point on the earth, in hundredths of a degree, which are at most 1.1 km. No table of networks is
/// more exact.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Point {
    north: i16,
    east: i16,
}

/// The mean radius of the earth in km.
const RADIUS_KM: f64 = 6_371.0;
/// The largest values of the fields.
const MAX_NORTH: i16 = 9_000;
const MAX_EAST: i16 = 18_000;

impl Point {
    /// The point at degrees north (−90 to 90) and east (−180 to 180); `None` beyond.
    pub fn new(north: f64, east: f64) -> Option<Self> {
        let is_valid = (-90.0..=90.0).contains(&north) && (-180.0..=180.0).contains(&east);
        is_valid.then(|| Self { north: hundredths(north), east: hundredths(east) })
    }

    /// Degrees north.
    pub fn north(self) -> f64 {
        f64::from(self.north) / 100.0
    }

    /// Degrees east.
    pub fn east(self) -> f64 {
        f64::from(self.east) / 100.0
    }

    /// The distance in km along a great circle of a sphere, which is wrong by 0.6 % at most.
    pub fn km_to(self, other: Self) -> f64 {
        let half_sine = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
        let across = half_sine(other.east() - self.east());
        let along = half_sine(other.north() - self.north());
        let cosines = self.north().to_radians().cos() * other.north().to_radians().cos();
        2.0 * RADIUS_KM * (along + cosines * across).sqrt().clamp(0.0, 1.0).asin()
    }

    /// The nearest point of a grid whose lines are so many hundredths of a degree apart; 0 counts as 1.
    #[must_use]
    pub fn on_grid(self, step: i16) -> Self {
        let round = |value: i16, most: i16| {
            let step = i32::from(step.max(1));
            let lines = (i32::from(value) + step / 2).div_euclid(step);
            let rounded = (lines * step).clamp(-i32::from(most), i32::from(most));
            i16::try_from(rounded).unwrap_or(value)
        };
        Self { north: round(self.north, MAX_NORTH), east: round(self.east, MAX_EAST) }
    }

    /// False for values that [`Self::new`] would never make (a forged snapshot file).
    pub fn is_valid(self) -> bool {
        self.north.unsigned_abs() <= MAX_NORTH.unsigned_abs()
            && self.east.unsigned_abs() <= MAX_EAST.unsigned_abs()
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the caller has checked the range")]
fn hundredths(degrees: f64) -> i16 {
    (degrees * 100.0).round() as i16
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}, {:.2}", self.north(), self.east())
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn point(north: f64, east: f64) -> Point {
        Point::new(north, east).expect("a valid literal")
    }

    #[test]
    fn distances_are_those_of_an_atlas() {
        // Berlin to Paris, London to New York, Auckland to Santiago de Chile, pole to pole.
        for (one, other, km) in [
            (point(52.52, 13.4), point(48.86, 2.35), 878.0),
            (point(51.51, -0.13), point(40.71, -74.01), 5_570.0),
            (point(-36.85, 174.76), point(-33.45, -70.67), 9_670.0),
            (point(90.0, 0.0), point(-90.0, 77.0), 20_015.0),
            (point(10.0, 180.0), point(10.0, -180.0), 0.0),
        ] {
            let found = one.km_to(other);
            assert!((found - km).abs() <= 5.0, "{one} to {other}: {found}");
        }
    }

    #[test]
    fn degrees_out_of_range_are_no_point() {
        for (north, east) in [(90.1, 0.0), (0.0, -180.1), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert_eq!(Point::new(north, east), None, "{north} {east}");
        }
        assert_eq!(format!("{:?}", point(-0.004, 179.996)), "(0.00, 180.00)");
    }

    proptest! {
        #[test]
        fn distances_are_symmetric_and_grids_move_nothing_far(
            (a, b) in (-90.0_f64..=90.0, -180.0_f64..=180.0),
            (c, d) in (-90.0_f64..=90.0, -180.0_f64..=180.0),
            step in 0_i16..500,
        ) {
            let (one, other) = (point(a, b), point(c, d));
            prop_assert!(one.is_valid() && other.is_valid());
            prop_assert!((one.km_to(other) - other.km_to(one)).abs() < 1e-6);
            prop_assert!((0.0..=20_016.0).contains(&one.km_to(other)));
            let near = one.on_grid(step);
            prop_assert!(near.is_valid());
            // Half a step in both directions: at most 0.8 km per hundredth.
            prop_assert!(one.km_to(near) <= f64::from(step.max(1)) * 0.8, "{one} {near}");
        }
    }
}
