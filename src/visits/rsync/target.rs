//! What is listed: a directory of a module of an rsync server, or of this machine.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use model::base_url::BaseUrl;
use model::percent;
use model::url::Protocol;

/// A directory of a module, at an address; or a directory of this machine.
///
/// The address stands in for the host of the URL: servers are not told the name that they are asked by, and a
/// name that rsync looked up again could lead elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    argument: OsString,
    is_local: bool,
}

/// The reason why a URL cannot be listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadTarget {
    /// Of another protocol.
    #[error("is no URL of rsync")]
    Protocol,
    /// Without a module, a server lists its modules.
    #[error("names no module")]
    NoModule,
    /// A `%` stands for a byte that makes no text.
    #[error("is no text when it is decoded")]
    NotText,
    /// A server might take it for an option.
    #[error("has a segment that begins with a hyphen")]
    Hyphen,
    /// It would lead above the module.
    #[error("has a dot segment")]
    DotSegment,
    /// Servers split arguments at blanks, expand patterns, and take a backslash as an escape.
    #[error("holds {0:?}, which rsync servers do not take as it is")]
    Character(char),
    /// A path without a slash at its begin could be the name of a host.
    #[error("is no absolute path")]
    Relative,
}

impl Target {
    /// The directory of that name below a base URL of rsync, at `address`. The name is empty for the base
    /// itself, and is no URL: a `%` is an ordinary character.
    pub fn new(base: &BaseUrl, directory: &str, address: SocketAddr) -> Result<Self, BadTarget> {
        if base.protocol() != Protocol::Rsync {
            return Err(BadTarget::Protocol);
        }
        let rest = base.as_str().split_once("://").map_or("", |(_, rest)| rest);
        let (_, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = percent::decode(path).map_err(|_| BadTarget::NotText)?;
        let mut url = match address.ip() {
            IpAddr::V4(ip) => format!("rsync://{ip}:{}/", address.port()),
            IpAddr::V6(ip) => format!("rsync://[{ip}]:{}/", address.port()),
        };
        let mut segments = path.split('/').filter(|segment| !segment.is_empty()).peekable();
        segments.peek().ok_or(BadTarget::NoModule)?;
        let below = directory.split('/').filter(|segment| !segment.is_empty());
        for segment in segments.chain(below) {
            check(segment)?;
            url.push_str(segment);
            url.push('/');
        }
        Ok(Self { argument: url.into(), is_local: false })
    }

    /// A directory of this machine, as of the primary: listed by the same program in the same form.
    pub fn local(path: &Path) -> Result<Self, BadTarget> {
        if !path.is_absolute() {
            return Err(BadTarget::Relative);
        }
        let mut argument = path.as_os_str().to_owned();
        // What a link leads to is listed, and not the link.
        argument.push("/");
        Ok(Self { argument, is_local: true })
    }

    /// Whether it is on this machine.
    pub(super) fn is_local(&self) -> bool {
        self.is_local
    }

    /// The argument for rsync: a URL or a path, with a slash at its end.
    pub fn as_os_str(&self) -> &OsStr {
        &self.argument
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.argument.display().fmt(f)
    }
}

fn check(segment: &str) -> Result<(), BadTarget> {
    if segment.starts_with('-') {
        return Err(BadTarget::Hyphen);
    }
    if matches!(segment, "." | "..") {
        return Err(BadTarget::DotSegment);
    }
    let is_odd = |character: &char| {
        character.is_control() || character.is_whitespace() || r"*?[]{}\".contains(*character)
    };
    segment.chars().find(is_odd).map_or(Ok(()), |character| Err(BadTarget::Character(character)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(base: &str, directory: &str, address: &str) -> Result<String, String> {
        let base = BaseUrl::parse(base).expect(base);
        let address = address.parse().expect(address);
        let target = Target::new(&base, directory, address).map_err(|error| error.to_string())?;
        Ok(target.to_string())
    }

    #[test]
    fn a_url_is_made_of_an_address_a_module_and_a_path() {
        for (base, directory, address, expected) in [
            ("rsync://a.example/pub", "", "192.0.2.1:873", "rsync://192.0.2.1:873/pub/"),
            (
                "rsync://a.example:8730/pub/x%2By/",
                "9/os",
                "192.0.2.1:8730",
                "rsync://192.0.2.1:8730/pub/x+y/9/os/",
            ),
            (
                "rsync://a.example::pub",
                "ü%41",
                "[2001:db8::1]:873",
                "rsync://[2001:db8::1]:873/pub/ü%41/",
            ),
            (
                "rsync://a.example/pub",
                "c++/a-b/.x",
                "192.0.2.1:873",
                "rsync://192.0.2.1:873/pub/c++/a-b/.x/",
            ),
        ] {
            assert_eq!(target(base, directory, address).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_path_is_absolute() {
        let local = |path: &str| Target::local(Path::new(path)).map(|target| target.to_string());
        assert_eq!(local("/srv/pub").as_deref(), Ok("/srv/pub/"));
        assert_eq!(local("host:pub"), Err(BadTarget::Relative));
        assert_eq!(local("-e"), Err(BadTarget::Relative));
    }

    #[test]
    fn what_a_server_could_take_for_something_else_is_refused() {
        for (base, directory, expected) in [
            ("http://a.example/pub", "", "is no URL of rsync"),
            ("rsync://a.example", "pub", "names no module"),
            ("rsync://a.example/-x", "", "has a segment that begins with a hyphen"),
            (
                "rsync://a.example/pub",
                "a/--files-from=x",
                "has a segment that begins with a hyphen",
            ),
            ("rsync://a.example/pub", "a/../b", "has a dot segment"),
            (
                "rsync://a.example/pub/a%20b",
                "",
                "holds ' ', which rsync servers do not take as it is",
            ),
            ("rsync://a.example/pub", "a*", "holds '*', which rsync servers do not take as it is"),
            (
                "rsync://a.example/pub",
                "a\nb",
                "holds '\\n', which rsync servers do not take as it is",
            ),
            ("rsync://a.example/pub/%ff", "", "is no text when it is decoded"),
            ("rsync://a.example/a%2F%2e%2e%2Fb", "", "has a dot segment"),
        ] {
            assert_eq!(
                target(base, directory, "192.0.2.1:873").as_ref().map_err(|error| &**error),
                Err(expected)
            );
        }
    }
}
