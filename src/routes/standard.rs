//! Variables with a meaning of their own.

/// A variable that answers know by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standard {
    /// `repo`: the name of a repository, for the log.
    Repo,
    /// `arch`: an architecture, for the log.
    Arch,
    /// `path`: a directory or a file.
    Path,
    /// `version`: the version of a distribution.
    Version,
    /// `country`: two letters, or a list of such codes.
    Country,
    /// `region`: a part of a country, the end of a value `cc-region`.
    Region,
    /// `protocol`: a list of protocols.
    Protocol,
    /// `exclude`: a list of hosts whose mirrors are left out.
    Exclude,
    /// `not_country`: a list of countries whose mirrors are left out.
    NotCountry,
    /// `ip_version`: a list of versions of IP.
    IpVersion,
    /// `ip`: the address to answer for.
    Ip,
    /// `limit`: the most mirrors.
    Limit,
    /// `redirect`: whether one mirror is wanted, and not a list.
    Redirect,
    /// `countme`: how old an installation is.
    Countme,
    /// `time`: whether the time of the data is wanted.
    Time,
}

impl Standard {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Repo,
        Self::Arch,
        Self::Path,
        Self::Version,
        Self::Country,
        Self::Region,
        Self::Protocol,
        Self::Exclude,
        Self::NotCountry,
        Self::IpVersion,
        Self::Ip,
        Self::Limit,
        Self::Redirect,
        Self::Countme,
        Self::Time,
    ];

    /// The name of the variable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Repo => "repo",
            Self::Arch => "arch",
            Self::Path => "path",
            Self::Version => "version",
            Self::Country => "country",
            Self::Region => "region",
            Self::Protocol => "protocol",
            Self::Exclude => "exclude",
            Self::NotCountry => "not_country",
            Self::IpVersion => "ip_version",
            Self::Ip => "ip",
            Self::Limit => "limit",
            Self::Redirect => "redirect",
            Self::Countme => "countme",
            Self::Time => "time",
        }
    }

    /// Whether the variable changes answers without standing in a template.
    pub(crate) fn acts_alone(self) -> bool {
        !matches!(self, Self::Repo | Self::Arch | Self::Path | Self::Version)
    }

    /// The variable of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standard| standard.name() == name)
    }
}
