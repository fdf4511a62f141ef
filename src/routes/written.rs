//! Routes and maps as a catalog writes them: texts that are not checked yet.

use model::base_url::Redacted;
use serde::{Deserialize, Serialize};

use super::fault::{Problem, shorten};

/// A route as it is written.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct WrittenRoute {
    /// Its name, for messages and counters; each once.
    pub name: String,
    /// The hosts for which it holds, without a port; empty for all.
    pub hosts: Vec<String>,
    /// The pattern of its paths, as in `/mirrorlist/{version}/{repo}`.
    pub path: String,
    /// Rules for query parameters, each with the parameter's name.
    pub query: Vec<(String, String)>,
    /// Whether a request with another parameter does not match.
    pub strict: bool,
    /// What an answer is about: `repo` and `arch`, `path`, `category` or `url`.
    pub target: Vec<(String, Value)>,
    /// The format of answers; empty for text.
    pub format: String,
    /// What is different in the answers of this route.
    pub options: Vec<(String, Value)>,
    /// The style of error messages; empty for the default.
    pub errors: String,
    /// Routes of a higher rank are tried before; 0 unless written.
    pub rank: i32,
    /// Requests with what must come of them. A snapshot does not hold them.
    #[serde(skip)]
    pub tests: Vec<Test>,
    /// The place where it is written, as a number that only the caller understands.
    #[serde(skip)]
    pub place: usize,
}

/// A value of a target or an option.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Switch(bool),
    /// A list of texts.
    List(Vec<String>),
}

impl Value {
    /// What is wrong with it where another kind of value is right.
    pub(crate) fn is_not(&self, kind: &'static str) -> Problem {
        let value = match self {
            Self::Text(text) if text.contains("://") => {
                format!("\"{}\"", shorten(&Redacted(text).to_string()))
            }
            Self::Text(text) => format!("\"{}\"", shorten(text)),
            Self::Number(number) => number.to_string(),
            Self::Switch(switch) => switch.to_string(),
            Self::List(_) => "a list".to_owned(),
        };
        Problem::WrongKind { value, kind }
    }
}

/// A table from names to texts, which templates look values up in.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Map {
    /// Its name, as in the filter `map:NAME`.
    pub name: String,
    /// Names with what stands for them.
    pub entries: Vec<(String, String)>,
    /// The place where it is written, as a number that only the caller understands.
    #[serde(skip)]
    pub place: usize,
}

/// A request with what must come of it. What is `None` is not compared.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Test {
    /// The path and the query, as in `/mirrorlist?repo=x`.
    pub get: String,
    /// The host; `None` for the first of the route.
    pub host: Option<String>,
    /// The name of the repository, before redirects of the catalog.
    pub repo: Option<String>,
    /// The architecture, or the text that stands for each architecture.
    pub arch: Option<String>,
    /// The path of the directory or file.
    pub path: Option<String>,
    /// The category.
    pub category: Option<String>,
    /// The first URL.
    pub url: Option<String>,
    /// The format.
    pub format: Option<String>,
    /// The HTTP status; without it the request must find the route and its target.
    pub status: Option<u16>,
    /// The place where it is written, as a number that only the caller understands.
    pub place: usize,
}

/// A table as a snapshot holds it. [`RouteTable::load`](crate::RouteTable::load) checks it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Stored {
    /// The routes, in the order of the catalog.
    pub routes: Vec<WrittenRoute>,
    /// The maps.
    pub maps: Vec<Map>,
    /// The architectures that `{arch}` matches, in ascending order.
    pub arches: Vec<String>,
}
