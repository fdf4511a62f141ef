//! Labels of metrics. Each is an enum, so text from a client can never become one.

use model::tier::Tier;
use runtime::supervise::Thread;

/// An enum whose values are used as labels.
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

/// The kind of document that a request asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestKind {
    /// A list: text or JSON.
    Mirrorlist,
    /// An XML metalink.
    Metalink,
    /// The page that explains answers.
    Explanation,
    /// Any other request: OPTIONS, or one that the router refused.
    Other,
}

label!(RequestKind {
    Mirrorlist = "mirrorlist",
    Metalink = "metalink",
    Explanation = "explanation",
    Other = "other",
});

/// The class of a response: the first digit of its status.
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

impl Label for Thread {
    const ALL: &'static [Self] = &Thread::ALL;

    fn as_str(self) -> &'static str {
        Thread::as_str(self)
    }
}

/// The phase of an open connection: what it waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// The first byte.
    New,
    /// The rest of a request header.
    Header,
    /// The next request.
    Idle,
    /// Space in the socket for the rest of an answer.
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

/// The trigger of a reload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReloadTrigger {
    /// A signal (SIGHUP).
    Signal,
    /// A change of the data files.
    Watch,
}

label!(ReloadTrigger { Signal = "signal", Watch = "watch" });

/// The outcome of a reload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReloadOutcome {
    /// The new data are served.
    Published,
    /// The old data are still served.
    Refused,
}

label!(ReloadOutcome { Published = "published", Refused = "refused" });

/// The reason why a client has a private address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PrivateClient {
    /// A proxy named this address, or the client itself connected from it.
    Seen,
    /// A trusted proxy connected and named no client, so its own address counts.
    Unnamed,
}

label!(PrivateClient { Seen = "seen", Unnamed = "unnamed" });

/// What became of a line of the access log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogLineOutcome {
    /// It has reached the file.
    Written,
    /// The queue was full, or the file could not be written.
    Dropped,
}

label!(LogLineOutcome { Written = "written", Dropped = "dropped" });
