//! The reasons for which a query is answered with 400.

#[cfg(doc)]
use super::options::Options;

/// The most bytes of a decoded value. Longer ones name nothing that exists (see [`model::MAX_NAME`])
/// and could make lines that clients cannot read.
pub(super) const MAX_VALUE: usize = model::MAX_NAME;

/// The reason for which a query is answered with 400. The text is sent to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    /// More parameters than [`Options::max_parameters`].
    #[error("more than {0} parameters")]
    Parameters(usize),
    /// More countries than [`Options::max_countries`].
    #[error("more than {0} countries")]
    Countries(usize),
    /// More protocols than [`Options::max_protocols`].
    #[error("more than {0} protocols")]
    Protocols(usize),
    /// More hosts than [`Options::max_excluded`].
    #[error("more than {0} excluded hosts")]
    Excluded(usize),
    /// A value of `exclude=` that is not a list of hosts.
    #[error("the value of exclude= is not a list of host names")]
    NoHost,
    /// A value of `ip_version=` that is not a list of versions.
    #[error("the IP version is neither 4 nor 6")]
    IpVersion,
    /// A number of mirrors that is none.
    #[error("the limit is not a number from 1 on")]
    Limit,
    /// A value of `protocol=` that names another protocol than those that are listed.
    #[error("the protocol is not one of those that are listed")]
    OtherProtocol,
    /// A value of `country=` or `not_country=` that is not a list of two-letter codes.
    #[error("the country is not a two-letter code")]
    NoCountry,
    /// A value that is not UTF-8.
    #[error("the value of {0}= is not UTF-8")]
    NotUtf8(&'static str),
    /// A value that is longer than any name.
    #[error("the value of {0}= is longer than {MAX_VALUE} bytes")]
    TooLong(&'static str),
    /// A value that would break lines, headers or logs.
    #[error("the value of {0}= holds a control character")]
    Control(&'static str),
}
