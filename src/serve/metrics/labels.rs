//! Labels of metrics: each is an enum, so nothing that a client sends can become one.

use model::tier::Tier;

/// An enum whose values are labels.
pub trait Label: Copy + 'static {
    /// All values, in the order of their discriminants.
    const ALL: &'static [Self];

    /// The value as it is written in an exposition.
    fn as_str(self) -> &'static str;
}

macro_rules! label {
    ($name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        impl Label for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }
    };
}

/// What a request asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestKind {
    /// A list: text or JSON.
    Mirrorlist,
    /// An XML metalink.
    Metalink,
    /// Anything that the router refused.
    Other,
}

label!(RequestKind { Mirrorlist = "mirrorlist", Metalink = "metalink", Other = "other" });

/// First digit of the status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StatusClass {
    /// 2xx.
    Success,
    /// 3xx.
    Redirect,
    /// 4xx.
    ClientError,
    /// 5xx.
    ServerError,
}

label!(StatusClass {
    Success = "2xx",
    Redirect = "3xx",
    ClientError = "4xx",
    ServerError = "5xx",
});

impl StatusClass {
    /// The class of a status code; codes that this server never sends count as server errors.
    pub fn of(status: u16) -> Self {
        match status {
            200..=299 => Self::Success,
            300..=399 => Self::Redirect,
            400..=499 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

impl Label for Tier {
    const ALL: &'static [Self] = &Tier::ALL;

    fn as_str(self) -> &'static str {
        Tier::as_str(self)
    }
}

/// What an open connection waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Its first byte.
    New,
    /// The rest of a header.
    Header,
    /// The next request.
    Idle,
    /// Room for the rest of an answer.
    Write,
    /// The end of what the client still sends after the last answer.
    Linger,
}

label!(Phase {
    New = "new",
    Header = "header",
    Idle = "idle",
    Write = "write",
    Linger = "linger",
});

/// What asked for a reload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReloadTrigger {
    /// SIGHUP.
    Signal,
    /// Data files that changed.
    Watch,
}

label!(ReloadTrigger { Signal = "signal", Watch = "watch" });

/// What became of a reload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReloadOutcome {
    /// Its data are served.
    Published,
    /// The data before are served.
    Refused,
}

label!(ReloadOutcome { Published = "published", Refused = "refused" });

/// Why a client has a private address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PrivateClient {
    /// A proxy said so, or the client itself has connected from there.
    Seen,
    /// A trusted proxy has connected and named nobody, so its own address counts.
    Unnamed,
}

label!(PrivateClient { Seen = "seen", Unnamed = "unnamed" });
