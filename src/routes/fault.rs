//! What is wrong with routes and maps, for the people who write them.

use std::fmt;

use super::limits::{
    MAX_ENTRIES, MAX_LIST, MAX_MAPS, MAX_PARAMETERS, MAX_ROUTES, MAX_TEXT, MAX_VALUE,
    MAX_VARIABLES, RESERVED,
};

/// Something that is wrong with a route or a map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteFault {
    /// The place of the route, map or test, as its writer gave it.
    pub place: usize,
    /// Which item it is, as in ``route `alma` ``.
    pub item: String,
    /// The key below the item, as in `query.arch`, or the entry of a map; empty for the item as a whole.
    pub key: String,
    /// What is wrong.
    pub problem: Problem,
}

impl RouteFault {
    /// Whether the table works all the same.
    pub fn is_warning(&self) -> bool {
        self.problem.is_warning()
    }
}

impl fmt::Display for RouteFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { item, key, problem, .. } = self;
        match key.as_str() {
            "" => write!(f, "{item}: {problem}"),
            key => write!(f, "{item}: {key}: {problem}"),
        }
    }
}

/// A name fit for a message: without control characters, and not too long.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(MAX_VALUE).flat_map(char::escape_default).collect()
}

/// What is wrong, and what would be right.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// Too many routes.
    #[error("there are {0} routes: a catalog has at most {MAX_ROUTES}")]
    TooManyRoutes(usize),
    /// Too many maps.
    #[error("there are {0} maps: a catalog has at most {MAX_MAPS}")]
    TooManyMaps(usize),
    /// Too many entries of maps.
    #[error("the maps have {0} entries: a catalog has at most {MAX_ENTRIES}")]
    TooManyEntries(usize),
    /// Too many names of parameters.
    #[error("the routes name {0} query parameters: a catalog has at most {MAX_PARAMETERS}")]
    TooManyParameters(usize),
    /// An architecture of the catalog that `{arch}` could not match.
    #[error("`{0}` cannot be an architecture in a path")]
    BadArch(String),
    /// A name of a route or map that is none.
    #[error("`{0}` is no name: write up to {MAX_VALUE} of the characters A-Z a-z 0-9 . _ -")]
    BadName(String),
    /// A name that another item has.
    #[error("`{name}` is the name of two {items}")]
    NameTwice {
        /// The name.
        name: String,
        /// What has it.
        items: &'static str,
    },
    /// A text that is too long.
    #[error("has {0} bytes: write at most {MAX_TEXT} bytes")]
    TooLong(usize),
    /// A character that may not stand here.
    #[error("the character {0:?} cannot stand here")]
    BadCharacter(char),
    /// A path that does not begin with a slash.
    #[error("`{0}` is no path: a path begins with `/`")]
    PathStart(String),
    /// Two slashes in a row.
    #[error("has an empty segment: write one slash, and `/?` for a slash that may be left out")]
    EmptySegment,
    /// A dot segment.
    #[error("has a segment `.` or `..`, which no request has")]
    DotSegment,
    /// A path of the program itself.
    #[error("paths below {RESERVED} belong to the program: choose another path")]
    Reserved,
    /// A variable without an end.
    #[error("`{0}` has no closing brace")]
    Unclosed(String),
    /// What cannot be the name of a variable.
    #[error("`{0}` is no variable: write a-z, then a-z 0-9 _, and not `flag`")]
    BadVariable(String),
    /// An unknown class.
    #[error("`{0}` is no class of values, or names no map: write {names}", names = super::class::Class::NAMES)]
    UnknownClass(String),
    /// A rest that is not last.
    #[error("`{{name*}}` must be the last variable of the path, and alone in its segment")]
    RestNotLast,
    /// A variable that is filled twice.
    #[error("the variable `{0}` is filled twice")]
    VariableTwice(String),
    /// A segment that could be split in several ways.
    #[error(
        "it is not clear where {0} end: divide them by a literal, and give all but one a class that \
         cannot hold it, as in {{version:digits}}"
    )]
    Undivided(String),
    /// Too many variables.
    #[error("a route has at most {MAX_VARIABLES} variables")]
    TooManyVariables,
    /// What is no host.
    #[error("`{0}` is no host: write a name such as mirrors.example.org, without a port")]
    BadHost(String),
    /// A list that is too long.
    #[error("the list is too long: write at most {MAX_LIST}")]
    LongList,
    /// An empty list.
    #[error("the list is empty: leave it out, or write at least one")]
    EmptyList,
    /// Something that is listed twice.
    #[error("`{0}` is listed twice")]
    ListedTwice(String),
    /// What cannot be the name of a parameter.
    #[error("`{0}` is no parameter: write up to 32 of the characters A-Z a-z 0-9 - . _ ~ [ ]")]
    BadParameter(String),
    /// A parameter with two rules.
    #[error("the parameter `{0}` is given twice")]
    ParameterTwice(String),
    /// A rule for a parameter that is none.
    #[error(
        "`{0}` is no rule: write `variable?` (may be left out), `variable!` (must be there for the \
         route to match), `variable` (its absence is an error), `variable:list`, `country:region`, \
         `=value`, `flag` or `-`"
    )]
    BadRule(String),
    /// A filter that is none.
    #[error(
        "`{0}` is no filter: write lower, upper, map:NAME, default:X, literal:X or strip:SUFFIX"
    )]
    UnknownFilter(String),
    /// A map that does not exist.
    #[error("there is no map `{0}`")]
    UnknownMap(String),
    /// A variable that nothing fills.
    #[error(
        "nothing fills the variable `{0}`: name it in the path or the query, or add `|default:X`"
    )]
    Unbound(String),
    /// A variable that a request may leave out.
    #[error("a request may leave `{0}` out: add `|default:X`, or take its `?` away in the query")]
    MayBeAbsent(String),
    /// A key that is given twice.
    #[error("this key is given twice")]
    KeyTwice,
    /// An unknown key.
    #[error("is no key: write {0}")]
    UnknownKey(String),
    /// A value of another kind.
    #[error("write {kind}, not {value}")]
    WrongKind {
        /// What was written.
        value: String,
        /// What is right.
        kind: &'static str,
    },
    /// A number out of its range.
    #[error("{number} is too small or too large: write a number from {min} to {max}")]
    OutOfRange {
        /// What was written.
        number: i64,
        /// The smallest that is right.
        min: usize,
        /// The largest.
        max: usize,
    },
    /// An unknown name of a fixed set.
    #[error("`{0}` is unknown: write {1}")]
    UnknownName(String, String),
    /// An option that changes nothing in a format.
    #[error("changes nothing in the format {format}: leave it out; it goes with {formats}")]
    NotForFormat {
        /// The format of the route.
        format: &'static str,
        /// The formats that the option goes with.
        formats: String,
    },
    /// What is no media type.
    #[error("`{0}` is no media type: write one such as `text/plain; charset=utf-8`")]
    BadContentType(String),
    /// Caches would keep an answer that is for some clients only.
    #[error(
        "caches may keep only what is the same for all clients: write order = \"static\" or \"name\", \
         without country_only"
    )]
    NotForAll,
    /// Mirrors of the whole world are added in one order only, and not beside those of one country.
    #[error(
        "changes nothing here: write it with order = \"tier\" and without country_only, or leave it out"
    )]
    NoWorld,
    /// An option that changes nothing where no mirrors are chosen.
    #[error("changes nothing where the target is url: leave it out")]
    NotForUrls,
    /// A parameter that changes nothing where no mirrors are chosen.
    #[error(
        "the variable `{0}` changes nothing where the target is url: write \"-\" to ignore the parameter"
    )]
    ParameterNotForUrls(String),
    /// A metalink of what has no checksums.
    #[error(
        "clients of a metalink of target {0} would get nothing but an error: write another format, or a \
         target of one directory or file"
    )]
    NoMetalink(&'static str),
    /// A redirect to protocols that it cannot lead to.
    #[error("a redirect leads to http or https alone: add one of them")]
    NoRedirect,
    /// A fallback that is never listed.
    #[error(
        "is never listed, as prefer lacks `{0}`: add it there, or write a URL of another protocol"
    )]
    FallbackNotPreferred(&'static str),
    /// Errors that lead to a fallback which is not there.
    #[error("there is no fallback: write it as the option fallback, even if it is the origin")]
    NoFallback,
    /// Errors that lead to a fallback which the format cannot hold.
    #[error("a metalink cannot hold the fallback: write another style of errors")]
    NoFallbackInMetalink,
    /// A text for each architecture in the name of a repository.
    #[error("the filter literal stands for each architecture: write it in arch, and default here")]
    LiteralInRepo,
    /// A URL to any server that a client names.
    #[error(
        "the variable `{0}` can hold any host: use it behind the host alone, or look it up with `|map:NAME`"
    )]
    OpenHost(String),
    /// A repository without an architecture.
    #[error("is missing: write arch = \"{{arch}}\" beside repo")]
    NoArch,
    /// No target, or several.
    #[error("write one target: {0}")]
    OneTarget(&'static str),
    /// A URL that is none.
    #[error(
        "`{0}` is no URL: write one that begins with http:// or https://, without a user name and \
         without blanks"
    )]
    BadUrl(String),
    /// A base URL that is none.
    #[error("{0}: write a URL such as https://download.example.org/pub")]
    BadBaseUrl(String),
    /// A text that a map cannot hold.
    #[error("is too long or holds a control character: write at most {MAX_TEXT} bytes")]
    BadEntry,
    /// An entry that is given twice.
    #[error("this entry is given twice")]
    EntryTwice,
    /// Two routes of equal precedence for one request.
    #[error(
        "route `{other}` matches {example} as well, and neither comes first: give one of them a `rank`"
    )]
    Ambiguous {
        /// The other route.
        other: String,
        /// A request that both match.
        example: String,
    },
    /// The search for routes of equal precedence was cut short.
    #[error(
        "too many routes are too much alike: whether this one and those behind it match the same \
         requests as others was not checked; give them a `rank` or simpler paths"
    )]
    TooMuchAlike,
    /// A map that nothing uses.
    #[error("nothing uses this map")]
    UnusedMap,
    /// A parameter that fills a variable without use.
    #[error("nothing uses the variable `{0}`: write \"-\" to ignore the parameter")]
    UnusedVariable(String),
    /// `{arch}` without architectures.
    #[error("`{{arch}}` matches nothing: no repository of the catalog has an architecture")]
    NoArches,
    /// A text list at a path that dnf takes for a metalink.
    #[error("dnf reads a URL that holds the word `metalink` as XML, and this is a text list")]
    TextAtMetalink,
    /// A metalink at a path that dnf takes for a text list.
    #[error(
        "dnf reads `mirrorlist=` as a text list unless the URL holds the word `metalink`; such a list \
         works with `metalink=` only"
    )]
    MetalinkElsewhere,
    /// A route to repositories that do not exist.
    #[error("no repository of the catalog has a name that this can make")]
    NoRepository,
    /// A route to architectures that its repositories do not have.
    #[error(
        "no repository that `repo` can name has an architecture that this can make: `{0}` has none \
         of them"
    )]
    NoArchOf(String),
    /// A route to repositories that are all switched off.
    #[error("all that this can name is switched off, such as `{0}`: clients get no mirrors")]
    SwitchedOff(String),
    /// A route to a category that does not exist.
    #[error("no group of the catalog has a name that this can make")]
    NoCategory,
    /// A route for all architectures at once to repositories whose directories differ in more than that.
    #[error(
        "nothing can stand for each architecture of {count} repositories, such as `{example}`: their \
         directories differ in more than the architecture, so clients get an error"
    )]
    Divided {
        /// How many.
        count: usize,
        /// One of them.
        example: String,
    },
    /// A test whose request cannot be one.
    #[error("`{0}` is no request: write a path, as in /mirrorlist?repo=x")]
    BadRequest(String),
    /// A test that another route answers.
    #[error("`{get}` is answered by {found}")]
    OtherRoute {
        /// The request.
        get: String,
        /// What answers it.
        found: String,
    },
    /// A test whose request gets no list.
    #[error("`{get}` gives no list: {error}")]
    NoList {
        /// The request.
        get: String,
        /// What its answer says.
        error: String,
    },
    /// A test about another kind of target than that of the route.
    #[error("`{get}` gives no {key}, and so not `{expected}`")]
    NoSuchFact {
        /// The request.
        get: String,
        /// What the answer is not about.
        key: &'static str,
        /// What should come of it.
        expected: String,
    },
    /// A test with another result.
    #[error("`{get}` gives `{found}`, not `{expected}`")]
    OtherResult {
        /// The request.
        get: String,
        /// What comes of it.
        found: String,
        /// What should.
        expected: String,
    },
}

impl Problem {
    /// Whether a table works all the same.
    pub fn is_warning(&self) -> bool {
        matches!(
            self,
            Self::TooMuchAlike
                | Self::UnusedMap
                | Self::UnusedVariable(_)
                | Self::NoArches
                | Self::TextAtMetalink
                | Self::MetalinkElsewhere
                | Self::NoRepository
                | Self::NoArchOf(_)
                | Self::SwitchedOff(_)
                | Self::Divided { .. }
        )
    }
}
