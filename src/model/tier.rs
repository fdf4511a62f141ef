//! The tiers in which mirrors are found, from the client's own network to the whole world.

/// The reason why a mirror was selected for a client, from near to far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tier {
    /// A preferred network of the mirror contains the client.
    Netblock,
    /// The mirror is in the client's autonomous system.
    Asn,
    /// The mirror is in a country that the request names, or on its continent.
    Country,
    /// The mirror is in the client's country.
    Geoip,
    /// The mirror is among the nearest in other countries.
    Nearest,
    /// The mirror is in another country of the client's continent.
    Continent,
    /// The mirror is anywhere; used when the tiers before have too few mirrors.
    Global,
}

impl Tier {
    /// Every tier, the nearest first.
    pub const ALL: [Self; 7] = [
        Self::Netblock,
        Self::Asn,
        Self::Country,
        Self::Geoip,
        Self::Nearest,
        Self::Continent,
        Self::Global,
    ];

    /// Its name in JSON and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Netblock => "netblock",
            Self::Asn => "asn",
            Self::Country => "country",
            Self::Geoip => "geoip",
            Self::Nearest => "nearest",
            Self::Continent => "continent",
            Self::Global => "global",
        }
    }
}
