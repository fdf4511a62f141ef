//! The provenance of a lookup's result: the table, the prefix and the address that matched.
//!
//! The ordinary lookups of a [`Snapshot`](super::Snapshot) return values only. Each that depends on
//! the client's address has a sibling (`find_area` has `trace_area`) that returns the same
//! value as a [`Found`]. The sibling may be slower; it is for explanations, not for answers.

use model::embedded::{AddressForm, LookupAddresses};
use model::net::Prefix;

/// The result of a lookup, with its provenance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found<T> {
    /// The result.
    pub value: T,
    /// The table in which it was found.
    pub table: NetworkTable,
    /// The prefix that matched.
    pub prefix: Prefix,
    /// Which form of the client's address lies in the prefix.
    pub form: AddressForm,
}

/// A table of networks in a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NetworkTable {
    /// The preferred networks of mirrors.
    Netblocks,
    /// The networks of autonomous systems.
    AsnPrefixes,
    /// The networks whose country or continent is set by hand.
    LocationOverrides,
    /// The country database.
    CountryDatabase,
}

impl NetworkTable {
    /// The name of the table in output for operators.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Netblocks => "netblocks of mirrors",
            Self::AsnPrefixes => "networks of autonomous systems",
            Self::LocationOverrides => "locations set by hand",
            Self::CountryDatabase => "country database",
        }
    }
}

impl<T> Found<T> {
    /// The result for a client at `prefix` of `table`.
    pub(super) fn new(
        value: T,
        table: NetworkTable,
        prefix: Prefix,
        client: LookupAddresses,
    ) -> Self {
        Self { value, table, prefix, form: client.form_in(prefix) }
    }
}
