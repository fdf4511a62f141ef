//! The addresses of pages of mirrors, and their filters.

use encode::write::push_url_path;
use hyper::StatusCode;
use model::geo::Country;
use model::percent;
use model::url::Protocol;

use super::super::fields::Fields;
use crate::mirrors::survey::{Condition, SurveyedMirror};

/// The pages, and what each holds, for the index of a listener.
pub const PATHS: &[(&str, &str)] = &[
    ("/mirrors", "all mirrors, for people; by country=, protocol=, state="),
    ("/mirrors.json", "the same for programs; also /mirrors.json/KEY"),
    ("/mirror/KEY", "one mirror: what keeps it in the lists or out of them"),
    ("/propagation", "how far changes have spread; also /propagation/REPOSITORY"),
    ("/propagation.json", "the same for programs; also /propagation.json/REPOSITORY"),
    ("/mirrors/status.json", "all URLs in the form of archweb's status, version 3; by category="),
    ("/mirrors/mirmon.state", "all URLs in the form of mirmon's state file"),
];

/// How the directory at the top of the tree is called in paths. It stands before names that begin with it, too. A dot
/// or an empty name would not do: browsers and proxies take them out of paths (RFC 3986, section 5.2.4).
const TOP: &str = "@";

/// What is asked for. There is a page for each value of it, so values that cannot be are refused.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Wanted {
    /// All mirrors that pass a filter.
    List(Filter, Form),
    /// The mirror with this key.
    Mirror(String, Form),
    /// All repositories.
    Spread(Form),
    /// The repository in this directory.
    Repository(String, Form),
    /// All URLs, of mirrors that carry this category, if one is named.
    Archweb(Option<String>),
    /// All URLs.
    Mirmon,
}

/// For whom it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Form {
    /// A page for people.
    Page,
    /// JSON for programs.
    Json,
}

/// Which mirrors are shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Filter {
    /// Those in this country.
    pub(super) country: Option<Country>,
    /// Those with a URL of this protocol.
    pub(super) protocol: Option<Protocol>,
    /// Those in this condition.
    pub(super) condition: Option<Condition>,
}

/// Why there is nothing to show: a status, and one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct NotThere {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl NotThere {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// Nothing has this address.
    pub(super) fn no_page() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no_such_path", "no page has this address")
    }

    /// There is no such mirror.
    pub(super) fn no_mirror() -> Self {
        let message = "there is no mirror with this key that is listed for everybody";
        Self::new(StatusCode::NOT_FOUND, "unknown_mirror", message)
    }

    /// There is no such repository.
    pub(super) fn no_repository() -> Self {
        let message = "there is no repository in this directory that is compared";
        Self::new(StatusCode::NOT_FOUND, "unknown_repository", message)
    }

    /// There is no such category.
    pub(super) fn no_category() -> Self {
        Self::new(StatusCode::NOT_FOUND, "unknown_category", "no mirror carries such a category")
    }

    /// There is no survey yet.
    pub(super) fn not_yet() -> Self {
        let message = "nothing is known of mirrors yet; soon it is";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_yet", message)
    }

    /// All threads are busy.
    pub(super) fn busy() -> Self {
        let message = "too many pages are made just now";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
    }

    /// It could not be written.
    pub(super) fn broken() -> Self {
        let message = "the page cannot be made; the log says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "broken", message)
    }

    /// Only GET is answered.
    pub(super) fn other_method() -> Self {
        let message = "only GET and HEAD are served here";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }
}

/// Whether there may be a page at this path.
pub fn answers(path: &str) -> bool {
    let tops = ["/mirrors", "/mirrors.json", "/mirror", "/propagation", "/propagation.json"];
    let is_at = |top: &&str| {
        let rest = path.strip_prefix(*top);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    tops.iter().any(is_at)
}

/// Whether whoever asks for a path is a program.
pub(super) fn is_for_programs(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    path.starts_with("/mirrors.json")
        || path.starts_with("/propagation.json")
        || path == "/mirrors/status.json"
}

impl Wanted {
    /// What a path and a query ask for.
    pub(super) fn find(path: &str, query: &str) -> Result<Self, NotThere> {
        let fields = Fields::read(query).map_err(NotThere::invalid)?;
        let wanted = Self::of_path(path, &fields)?;
        let allowed: &[&str] = match &wanted {
            Self::List(..) => &["country", "protocol", "state"],
            Self::Archweb(_) => &["category"],
            _ => &[],
        };
        for (n, (name, _)) in fields.iter().enumerate() {
            if !allowed.contains(&name) {
                return Err(NotThere::invalid("the query has a field that is not known here"));
            }
            if fields.iter().take(n).any(|(before, _)| before == name) {
                return Err(NotThere::invalid(format!("the query has {name}= twice")));
            }
        }
        Ok(wanted)
    }

    fn of_path(path: &str, fields: &Fields) -> Result<Self, NotThere> {
        let list = |form| Ok(Self::List(Filter::read(fields)?, form));
        match path {
            "/mirrors" | "/mirrors/" => return list(Form::Page),
            "/mirrors.json" => return list(Form::Json),
            "/mirrors/status.json" | "/mirrors/status.json/" => {
                let category = fields.get("category");
                return Ok(Self::Archweb((!category.is_empty()).then(|| category.to_owned())));
            }
            "/mirrors/mirmon.state" => return Ok(Self::Mirmon),
            "/propagation" | "/propagation/" => return Ok(Self::Spread(Form::Page)),
            "/propagation.json" => return Ok(Self::Spread(Form::Json)),
            _ => {}
        }
        let below = |top: &str| {
            let name = percent::decode(path.strip_prefix(top)?).ok()?;
            (!name.is_empty()).then(|| name.into_owned())
        };
        // Each directory has one path only.
        let directory = |name: String| match name.strip_prefix(TOP) {
            None => Ok(name),
            Some(rest) if rest.is_empty() || rest.starts_with(TOP) => Ok(rest.to_owned()),
            Some(_) => Err(NotThere::no_repository()),
        };
        if let Some(key) = below("/mirror/") {
            Ok(Self::Mirror(key, Form::Page))
        } else if let Some(key) = below("/mirrors.json/") {
            Ok(Self::Mirror(key, Form::Json))
        } else if let Some(name) = below("/propagation/") {
            Ok(Self::Repository(directory(name)?, Form::Page))
        } else if let Some(name) = below("/propagation.json/") {
            Ok(Self::Repository(directory(name)?, Form::Json))
        } else {
            Err(NotThere::no_page())
        }
    }

    /// Which mirrors are shown, of all mirrors; `None` of other pages.
    pub(super) fn filter(&self) -> Option<Filter> {
        match self {
            Self::List(filter, _) => Some(*filter),
            _ => None,
        }
    }

    /// Whether it is one of the few pages that everybody wants.
    pub(super) fn is_common(&self) -> bool {
        match self {
            Self::List(filter, _) => *filter == Filter::default(),
            Self::Spread(_) | Self::Archweb(None) | Self::Mirmon => true,
            Self::Mirror(..) | Self::Repository(..) | Self::Archweb(Some(_)) => false,
        }
    }

    /// The path and query of the same in another form.
    pub(super) fn path(&self, form: Form) -> String {
        let (list, mirror, spread) = match form {
            Form::Page => ("/mirrors", "/mirror", "/propagation"),
            Form::Json => ("/mirrors.json", "/mirrors.json", "/propagation.json"),
        };
        match self {
            Self::List(filter, _) => format!("{list}{}", filter.query()),
            Self::Mirror(key, _) => below(mirror, key),
            Self::Spread(_) => spread.to_owned(),
            Self::Repository(directory, _)
                if directory.is_empty() || directory.starts_with(TOP) =>
            {
                below(spread, &format!("{TOP}{directory}"))
            }
            Self::Repository(directory, _) => below(spread, directory),
            Self::Archweb(_) => "/mirrors/status.json".to_owned(),
            Self::Mirmon => "/mirrors/mirmon.state".to_owned(),
        }
    }
}

/// The path of the page of a mirror.
pub(super) fn of_mirror(key: &str) -> String {
    below("/mirror", key)
}

/// The path of the page of a repository.
pub(super) fn of_repository(directory: &str) -> String {
    Wanted::Repository(directory.to_owned(), Form::Page).path(Form::Page)
}

fn below(top: &str, name: &str) -> String {
    let mut path = format!("{top}/");
    push_url_path(name, &mut path);
    path
}

impl Filter {
    fn read(fields: &Fields) -> Result<Self, NotThere> {
        let value = |name: &str| Some(fields.get(name)).filter(|value| !value.is_empty());
        let country = value("country").map(|text| {
            Country::parse(text).ok_or_else(|| NotThere::invalid("country= is a code such as DE"))
        });
        let protocol = value("protocol").map(|text| {
            let words = "protocol= is one of https, http, ftp, rsync";
            Protocol::parse(text).ok_or_else(|| NotThere::invalid(words))
        });
        let condition = value("state").map(|text| {
            let known = Condition::ALL.into_iter().find(|known| known.as_str() == text);
            let words = "state= is one of in-sync, behind, down, unknown";
            known.ok_or_else(|| NotThere::invalid(words))
        });
        Ok(Self {
            country: country.transpose()?,
            protocol: protocol.transpose()?,
            condition: condition.transpose()?,
        })
    }

    /// Whether a mirror passes.
    pub(super) fn passes(&self, mirror: &SurveyedMirror) -> bool {
        self.country.is_none_or(|country| mirror.profile.country == Some(country))
            && self.protocol.is_none_or(|protocol| mirror.has(protocol))
            && self.condition.is_none_or(|condition| mirror.condition == condition)
    }

    /// The query that asks for it, with `?`; empty if everything passes.
    pub(super) fn query(&self) -> String {
        let mut fields = Fields::default();
        if let Some(country) = self.country {
            fields = fields.with("country", country.as_str());
        }
        if let Some(protocol) = self.protocol {
            fields = fields.with("protocol", protocol.as_str());
        }
        if let Some(condition) = self.condition {
            fields = fields.with("state", condition.as_str());
        }
        fields.to_query()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(target: &str) -> Result<Wanted, String> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        assert!(answers(path), "{target}");
        Wanted::find(path, query).map_err(|error| error.message)
    }

    #[test]
    fn each_page_is_found_by_the_path_that_leads_to_it() {
        let de = Filter { country: Country::parse("DE"), ..Filter::default() };
        let all = Filter {
            country: Country::parse("FR"),
            protocol: Some(Protocol::Https),
            condition: Some(Condition::InSync),
        };
        for form in [Form::Page, Form::Json] {
            for wanted in [
                Wanted::List(Filter::default(), form),
                Wanted::List(de, form),
                Wanted::List(all, form),
                Wanted::Mirror("a.json".into(), form),
                Wanted::Mirror("7".into(), form),
                Wanted::Spread(form),
                Wanted::Repository("9/x86_64 ü%2f/os".into(), form),
                Wanted::Repository(String::new(), form),
            ] {
                assert_eq!(find(&wanted.path(form)), Ok(wanted.clone()), "{wanted:?}");
            }
        }
        assert_eq!(find("/mirrors/"), Ok(Wanted::List(Filter::default(), Form::Page)));
        assert_eq!(find("/mirrors?state=&country=de"), Ok(Wanted::List(de, Form::Page)));
        assert_eq!(find("/mirrors/mirmon.state"), Ok(Wanted::Mirmon));
        let of_linux = Wanted::Archweb(Some("linux".into()));
        assert_eq!(find("/mirrors/status.json?category=linux"), Ok(of_linux));
    }

    /// What browsers and proxies make of a path: dot segments are removed, slashes merged.
    fn normalized(path: &str) -> String {
        let mut segments: Vec<&str> = Vec::new();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            match segment.replace("%2e", ".").replace("%2E", ".").as_str() {
                "." => {}
                ".." => drop(segments.pop()),
                _ => segments.push(segment),
            }
        }
        format!("/{}", segments.join("/"))
    }

    #[test]
    fn pages_of_repositories_are_found_through_what_changes_paths() {
        let directories = ["", "@", "@@", "@os", "9/@/os", "a@b", ".hidden/os", "9/x..y/os"];
        for form in [Form::Page, Form::Json] {
            let mut paths = std::collections::BTreeSet::new();
            for directory in directories {
                let wanted = Wanted::Repository(directory.to_owned(), form);
                let path = wanted.path(form);
                assert_eq!(find(&normalized(&path)), Ok(wanted), "{path}");
                paths.insert(path);
            }
            assert_eq!(paths.len(), directories.len());
        }
        let unknown = Err(NotThere::no_repository().message);
        assert_eq!(find("/propagation/@os"), unknown);
        assert_eq!(normalized("/propagation/."), "/propagation");
    }

    #[test]
    fn what_is_odd_is_refused_so_that_pages_are_few() {
        for (target, reason) in [
            ("/mirrors?country=DEU", "country= is a code such as DE"),
            ("/mirrors?protocol=gopher", "protocol= is one of https, http, ftp, rsync"),
            ("/mirrors?state=odd", "state= is one of in-sync, behind, down, unknown"),
            ("/mirrors?country=DE&country=FR", "the query has country= twice"),
            ("/mirrors?x=1", "the query has a field that is not known here"),
            ("/mirror/a?country=DE", "the query has a field that is not known here"),
            ("/mirrors/a", "no page has this address"),
            ("/mirror", "no page has this address"),
            ("/mirror/%ff", "no page has this address"),
            ("/mirrors?country=%ff", "the value of country= is not UTF-8"),
        ] {
            assert_eq!(find(target), Err(reason.to_owned()), "{target}");
        }
        assert!(!answers("/mirrorsx") && !answers("/tasks") && !answers("/"));
    }
}
