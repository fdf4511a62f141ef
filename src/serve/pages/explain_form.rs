//! The form of the page that explains answers, as a query: which client, and which request.
//!
//! The request is given in one of two ways: as a whole (`request=`, a path with a query, or the URL in a
//! `.repo` file), or by its parameters (`repo=`, `arch=`, `path=`, `country=`, and all others that a
//! mirrorlist has), so that the query of a client's own `/metalink?repo=…` can be kept.
//!
//! A query is read as browsers write forms: `+` is a blank, and a field that was left empty is not there.
//! Blanks around a value are dropped, as people paste them. The transport bounds the whole; here each value
//! is bounded as answers bound it.

use encode::write::push_percent_encoded;
use hyper::Uri;
use model::percent;

/// The most parameters, with those of the request.
const MAX_PARAMETERS: usize = 64;
/// The most bytes of a value.
const MAX_VALUE: usize = model::MAX_NAME;
/// The most bytes of a whole request.
const MAX_REQUEST: usize = 8_000;

/// A filled form.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ExplainForm {
    /// The client's address (`ip=`), as written; empty if it is not given.
    pub ip: String,
    /// The program that reads the list (`client=`), as written; empty if it is not given.
    pub client: String,
    /// The server that the client asks (`host=`); empty if it is not given.
    pub host: String,
    /// The whole request (`request=`); empty if it is not given.
    pub request: String,
    /// What chance is drawn from (`seed=`), as written; empty if it is not given.
    pub seed: String,
    /// The parameters of the request, if it is not given as a whole, in their order.
    pub parameters: Vec<(String, String)>,
}

/// The request that a form is about, as a client sends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AskedRequest {
    /// The server; empty if it does not matter.
    pub host: String,
    /// The path.
    pub path: String,
    /// The query, without `?`.
    pub query: String,
}

/// The reason why a form cannot be understood, for whoever has filled it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadForm {
    /// Too many parameters.
    #[error("more than {MAX_PARAMETERS} parameters")]
    TooMany,
    /// A value that is not UTF-8.
    #[error("the value of {0}= is not UTF-8")]
    NotUtf8(String),
    /// A value that is too long.
    #[error("the value of {0}= is longer than {1} bytes")]
    TooLong(String, usize),
    /// A control character.
    #[error("the value of {0}= holds a control character")]
    Control(String),
    /// The request is given twice.
    #[error("request= is the whole request: leave {0}= out, or write it into the request")]
    Twice(String),
    /// The value of `request=` cannot be a request.
    #[error(
        "`{0}` is no request: write a path with its query, such as /metalink?repo=fedora-41&arch=x86_64"
    )]
    NoRequest(String),
}

impl ExplainForm {
    /// Reads a query, without `?`.
    pub fn read(query: &str) -> Result<Self, BadForm> {
        let mut form = Self::default();
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
        for (count, parameter) in (1..).zip(parameters) {
            if count > MAX_PARAMETERS {
                return Err(BadForm::TooMany);
            }
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let name = decode("a name", name, MAX_VALUE)?;
            let max = if name == "request" { MAX_REQUEST } else { MAX_VALUE };
            let value = decode(&name, value, max)?;
            form.set(name, value);
        }
        form.check()?;
        Ok(form)
    }

    fn set(&mut self, name: String, value: String) {
        let own = match name.as_str() {
            "ip" => &mut self.ip,
            "client" => &mut self.client,
            "host" => &mut self.host,
            "request" => &mut self.request,
            "seed" => &mut self.seed,
            // Some have a meaning without a value, such as `time`; those of the form have none.
            "repo" | "arch" | "path" | "country" if value.is_empty() => return,
            _ => return self.parameters.push((name, value)),
        };
        *own = value;
    }

    fn check(&self) -> Result<(), BadForm> {
        match self.parameters.first() {
            Some((name, _)) if !self.request.is_empty() => Err(BadForm::Twice(name.clone())),
            _ => Ok(()),
        }
    }

    /// The value of a parameter of the request; empty if it is not given. Of equal ones the last counts.
    pub fn parameter(&self, name: &str) -> &str {
        let mut last_first = self.parameters.iter().rev();
        last_first.find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The request that it is about; `None` if it names none.
    pub fn asked(&self) -> Result<Option<AskedRequest>, BadForm> {
        if self.request.is_empty() {
            if self.parameters.is_empty() {
                return Ok(None);
            }
            let (path, query) = ("/mirrorlist".to_owned(), to_query(&self.parameters));
            return Ok(Some(AskedRequest { host: self.host.clone(), path, query }));
        }
        let refuse = || BadForm::NoRequest(self.request.clone());
        let uri: Uri = self.request.parse().map_err(|_| refuse())?;
        if !uri.path().starts_with('/') {
            return Err(refuse());
        }
        let of_uri = uri.authority().map_or("", |authority| authority.as_str());
        let host = if self.host.is_empty() { of_uri } else { &self.host };
        let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or("").to_owned());
        Ok(Some(AskedRequest { host: host.to_owned(), path, query }))
    }

    /// The query that holds this form.
    pub fn to_query(&self) -> String {
        let own = [
            ("ip", &self.ip),
            ("client", &self.client),
            ("host", &self.host),
            ("request", &self.request),
            ("seed", &self.seed),
        ];
        let own = own.into_iter().filter(|(_, value)| !value.is_empty());
        let own = own.map(|(name, value)| (name.to_owned(), value.clone()));
        to_query(&self.parameters.iter().cloned().chain(own).collect::<Vec<_>>())
    }
}

/// Decodes a name or a value of a form.
fn decode(name: &str, text: &str, max: usize) -> Result<String, BadForm> {
    let blanks = text.replace('+', " ");
    let text = percent::decode(&blanks).map_err(|_| BadForm::NotUtf8(name.to_owned()))?;
    let text = text.trim_matches(' ');
    if text.len() > max {
        return Err(BadForm::TooLong(name.to_owned(), max));
    }
    if text.chars().any(char::is_control) {
        return Err(BadForm::Control(name.to_owned()));
    }
    Ok(text.to_owned())
}

/// Writes a query. A name without a value has no `=`.
fn to_query(parameters: &[(String, String)]) -> String {
    let mut query = String::new();
    for (name, value) in parameters {
        if !query.is_empty() {
            query.push('&');
        }
        push_encoded(name, &mut query);
        if !value.is_empty() {
            query.push('=');
            push_encoded(value, &mut query);
        }
    }
    query
}

fn push_encoded(text: &str, out: &mut String) {
    for character in text.chars() {
        // Those that are plain in a query, with the separators of lists and paths.
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '_' | '~' | ',' | '/' | ':' => {
                out.push(character);
            }
            _ => push_percent_encoded(character, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `HOST PATH?QUERY`, or the reason.
    #[track_caller]
    fn check(query: &str, expected: &str) {
        let asked = ExplainForm::read(query).and_then(|form| form.asked());
        let shown = match asked {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(AskedRequest { host, path, query })) => format!("{host} {path}?{query}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected, "{query}");
    }

    #[test]
    fn a_request_is_given_by_its_parameters_or_as_a_whole() {
        check("", "nothing");
        check("ip=192.0.2.1&client=dnf&repo=&arch=&path=&country=&request=", "nothing");
        check("repo=f+41&arch=x86_64", " /mirrorlist?repo=f%2041&arch=x86_64");
        check("repo=+f41+&arch=%20x86_64", " /mirrorlist?repo=f41&arch=x86_64");
        check("path=a%2Fc%2B%2B&time&host=m.example", "m.example /mirrorlist?path=a/c%2B%2B&time");
        check("repo=a&ip=1&repo=b", " /mirrorlist?repo=a&repo=b");
        check("country=DE,FR", " /mirrorlist?country=DE,FR");
        check("request=/metalink?repo=a%26arch=b", " /metalink?repo=a&arch=b");
        check(
            "request=https%3A%2F%2Fm.example%2Fmetalink%3Frepo%3Df-%24releasever%26arch%3Dx",
            "m.example /metalink?repo=f-$releasever&arch=x",
        );
        check("request=https://m.example/x&host=other", "other /x?");
        check("request=/9/baseos", " /9/baseos?");
    }

    #[test]
    fn odd_forms_are_refused_with_the_reason() {
        check("repo=%ff", "the value of repo= is not UTF-8");
        check("%ff=a", "the value of a name= is not UTF-8");
        check("arch=a%0Ab", "the value of arch= holds a control character");
        check(
            &format!("repo={}", "x".repeat(MAX_VALUE + 1)),
            &format!("the value of repo= is longer than {MAX_VALUE} bytes"),
        );
        check(&"a&".repeat(65), "more than 64 parameters");
        check(
            "request=/x&repo=a",
            "request= is the whole request: leave repo= out, or write it into the request",
        );
        for bad in ["a b", "x", "*", "/ü b"] {
            let example = "/metalink?repo=fedora-41&arch=x86_64";
            let reason = format!("`{bad}` is no request: write a path with its query, such as ");
            check(&format!("request={}", bad.replace(' ', "+")), &(reason + example));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            own in prop::array::uniform4("[!-~äß€]{0,8}"),
            parameters in prop::collection::vec(("[a-z]{5,7}x", "([!-~ä€][ -~]{0,6}[!-~])?"), 0..5),
            request in "(/[ -~]{0,8}[!-~])?",
        ) {
            let [ip, client, host, seed] = own;
            let parameters = if request.is_empty() { parameters } else { Vec::new() };
            let form = ExplainForm { ip, client, host, request, seed, parameters };
            prop_assert_eq!(ExplainForm::read(&form.to_query()), Ok(form));
        }

        #[test]
        fn no_query_panics(query in "[ -~ä%+&=]{0,60}") {
            let asked = ExplainForm::read(&query).and_then(|form| form.asked());
            if let Ok(Some(asked)) = asked {
                prop_assert!(asked.path.starts_with('/'), "{:?}", asked);
            }
        }
    }
}
