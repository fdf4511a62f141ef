//! How much a mirror gets, in whole percent. People write parts of 1, such as 0.5.

/// How much of its share of the load a mirror gets at present, in percent: 0 to 100. A mirror with 0 rests:
/// it is known, and in no answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Load(u8);

/// The most of the clients near a mirror that get it as their first one, in percent: 1 to 100, which is no
/// limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MaxShare(u8);

impl Load {
    /// The load of so many percent; `None` above 100.
    pub fn new(percent: u8) -> Option<Self> {
        (percent <= 100).then_some(Self(percent))
    }

    /// The load of a part of 1, in the nearest whole percent: 1 % for anything above 0 that is less. `None`
    /// outside 0 to 1.
    pub fn of_part(part: f64) -> Option<Self> {
        percent(part).map(Self)
    }

    /// Percent.
    pub fn percent(self) -> u8 {
        self.0
    }
}

impl Default for Load {
    /// Its whole share.
    fn default() -> Self {
        Self(100)
    }
}

impl MaxShare {
    /// A limit of so many percent; `None` for 0 and above 100.
    pub fn new(percent: u8) -> Option<Self> {
        (1..=100).contains(&percent).then_some(Self(percent))
    }

    /// A limit of a part of 1, in the nearest whole percent, at least 1 %. `None` for 0 and outside 0 to 1.
    pub fn of_part(part: f64) -> Option<Self> {
        percent(part).and_then(Self::new)
    }

    /// Percent.
    pub fn percent(self) -> u8 {
        self.0
    }
}

impl Default for MaxShare {
    /// No limit.
    fn default() -> Self {
        Self(100)
    }
}

/// A part of 1 in percent, rounded; 0 for 0 only.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before"
)]
fn percent(part: f64) -> Option<u8> {
    let is_valid = (0.0..=1.0).contains(&part);
    is_valid.then(|| if part > 0.0 { (part * 100.0).round().max(1.0) as u8 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_rounded_and_only_nothing_is_nothing() {
        for (part, load, share) in [
            (0.0, Some(0), None),
            (-0.0, Some(0), None),
            (1e-9, Some(1), Some(1)),
            (0.5, Some(50), Some(50)),
            (0.285, Some(28), Some(28)),
            (0.999, Some(100), Some(100)),
            (1.0, Some(100), Some(100)),
            (1.001, None, None),
            (-0.1, None, None),
            (f64::NAN, None, None),
            (f64::INFINITY, None, None),
        ] {
            assert_eq!(Load::of_part(part).map(Load::percent), load, "{part}");
            assert_eq!(MaxShare::of_part(part).map(MaxShare::percent), share, "{part}");
        }
    }

    #[test]
    fn every_percentage_survives_being_written_as_a_part() {
        for percent in 0..=100 {
            let part = f64::from(percent) / 100.0;
            assert_eq!(Load::of_part(part), Load::new(percent), "{part}");
            assert_eq!(MaxShare::of_part(part), MaxShare::new(percent), "{part}");
        }
        assert_eq!((Load::new(101), MaxShare::new(0), MaxShare::new(101)), (None, None, None));
    }
}
