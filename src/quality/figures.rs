//! The table of figures: names, units and meanings, from which help, handbook and reports are made.

use serde::ser::{Serialize, SerializeMap, Serializer};

/// What a figure counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Kilometres.
    Km,
    /// A part of all clients, or of all first places, from 0 to 1.
    Share,
    /// A number of things, as a mean over clients.
    Mean,
    /// A number of things.
    Count,
    /// A relation; 1 is as it should be.
    Ratio,
}

macro_rules! figures {
    ($($Name:ident $name:literal $unit:ident $meaning:literal,)*) => {
        /// A figure of a policy.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(missing_docs, reason = "each has its meaning beside it")]
        pub enum Figure { $($Name,)* }

        impl Figure {
            /// All figures, in the order in which they are shown.
            pub const ALL: &[Self] = &[$(Self::$Name,)*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$Name => $name,)* }
            }

            /// What it counts.
            pub fn unit(self) -> Unit {
                match self { $(Self::$Name => Unit::$unit,)* }
            }

            /// What to do where it is not known, if anything helps.
            pub fn remedy(self) -> Option<&'static str> {
                match self {
                    Self::FairnessWorst | Self::FairnessLeast => Some(
                        "no mirror has enough first places to be compared; more --clients may help",
                    ),
                    Self::Ipv6Works | Self::FirstFails => Some(
                        "the data do not say over which versions of IP mirrors work",
                    ),
                    _ => None,
                }
            }

            /// What it says, in a sentence without its end.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$Name => $meaning,)* }
            }
        }
    };
}

figures! {
    FirstMeanKm "first_mean_km" Km "how far the first mirror is",
    FirstP90Km "first_p90_km" Km "how far the first mirror is at most for nine of ten clients",
    FirstOwnCountry "first_own_country" Share "clients whose first mirror is in their country",
    OwnCountryKept "own_country_kept" Share "of the clients with a usable mirror in their country, those whose first mirror is there",
    FirstOwnNetwork "first_own_network" Share "clients whose first mirror is of their own network or autonomous system",
    FirstFourMeanKm "first_four_mean_km" Km "how far the first four mirrors of a client are on average",
    FirstFourP90Km "first_four_p90_km" Km "that average, at most for nine of ten clients",
    FirstFourOwnCountry "first_four_own_country" Share "of the first four mirrors, those in the client's country",
    FirstFourHosts "first_four_hosts" Mean "different hosts among the first four URLs",
    FirstFourNetworks "first_four_networks" Mean "mirrors among the first four that are not known to share a network with one before",
    SecondMeanKm "second_mean_km" Km "how far the mirror of the second host is, which a client asks when the first is down",
    LossMeanKm "loss_mean_km" Km "how much farther that is than the first",
    UrlsBeforeSecond "urls_before_second" Mean "URLs that a client tries in vain when the first host is down",
    LastMeanKm "last_mean_km" Km "how far the last mirror is",
    LastIsFallback "last_is_fallback" Share "clients whose last URL is the fallback",
    Mirrors "mirrors" Mean "mirrors in an answer",
    Urls "urls" Mean "URLs in an answer",
    BodyMeanBytes "body_mean_bytes" Mean "bytes of an answer",
    BodyMaxBytes "body_max_bytes" Count "bytes of the longest answer",
    Empty "empty" Share "clients that get no mirror",
    FairnessWorst "fairness_worst" Ratio "first places of the mirror that has most of them for its bandwidth, against its fair share",
    FairnessLeast "fairness_least" Ratio "the same of the mirror that has fewest",
    FairnessMirrors "fairness_mirrors" Count "mirrors whose first places are compared, those with enough of them",
    FairnessCovered "fairness_covered" Share "of the first places that mirrors should have, those of the compared ones",
    Starving "starving" Count "mirrors without any first place that should have some",
    Ipv6Works "ipv6_works" Share "of the clients with IPv6, those with a mirror among the first four that is known to work over it",
    FirstFails "first_fails" Share "clients whose first mirror is known not to work over their version of IP",
}

/// The figures of a policy; `None` where the data do not say it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures([Option<f64>; Figure::ALL.len()]);

impl Default for Figures {
    fn default() -> Self {
        Self([None; Figure::ALL.len()])
    }
}

impl Figures {
    /// A figure.
    pub fn get(&self, figure: Figure) -> Option<f64> {
        self.0.get(figure as usize).copied().flatten()
    }

    /// Sets a figure, rounded to a thousandth.
    pub(crate) fn set(&mut self, figure: Figure, value: Option<f64>) {
        if let Some(entry) = self.0.get_mut(figure as usize) {
            *entry = value.map(|value| (value * 1_000.0).round() / 1_000.0);
        }
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for &figure in Figure::ALL {
            map.serialize_entry(figure.name(), &self.get(figure))?;
        }
        map.end()
    }
}
