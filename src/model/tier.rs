//! How mirrors are found: from the client's own network to the whole world.

/// A step on the way from near to far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tier {
    /// A preferred network of theirs contains the client.
    Netblock,
    /// They stand in the client's autonomous system.
    Asn,
    /// They stand in a country that was asked for, or on its continent.
    Country,
    /// They stand in the client's country.
    Geoip,
    /// They stand in another country of the client's continent.
    Continent,
    /// Everybody, because there were too few before.
    Global,
}

impl Tier {
    /// Every tier, the nearest first.
    pub const ALL: [Self; 6] =
        [Self::Netblock, Self::Asn, Self::Country, Self::Geoip, Self::Continent, Self::Global];

    /// Its name in JSON and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Netblock => "netblock",
            Self::Asn => "asn",
            Self::Country => "country",
            Self::Geoip => "geoip",
            Self::Continent => "continent",
            Self::Global => "global",
        }
    }
}
