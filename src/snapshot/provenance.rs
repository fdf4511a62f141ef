//! Where the result of a lookup came from: which prefix of which table matched which address.
//!
//! The ordinary lookups of a [`Snapshot`](super::Snapshot) return values only. Each that depends on
//! the client's address has a sibling (`find_location` has `trace_location`) that returns the same
//! value as a [`Found`]. It may be slower, and is for explanations, not for answers.

use model::embedded::{AddressForm, LookupAddresses};
use model::net::Prefix;

/// The result of a lookup, and where it came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found<T> {
    /// What was found.
    pub value: T,
    /// In which table.
    pub table: Table,
    /// The prefix that matched.
    pub prefix: Prefix,
    /// Which form of the client's address lies in the prefix.
    pub form: AddressForm,
}

/// A table of networks in a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Table {
    /// The preferred networks of mirrors.
    Netblocks,
    /// The networks of autonomous systems.
    AsnPrefixes,
    /// The networks whose country or continent is set by hand.
    LocationOverrides,
    /// The country database.
    CountryDatabase,
}

impl Table {
    /// What to call it before an operator.
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
    /// What was found for a client at `prefix` of `table`.
    pub(super) fn new(value: T, table: Table, prefix: Prefix, client: LookupAddresses) -> Self {
        Self { value, table, prefix, form: client.form_in(prefix) }
    }
}
