//! The table `[answer]`: how answers are shaped.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, Error as _};

use super::values::{Askers, Count, Fallback, Profile, Protocol};
use crate::answer;
use crate::answer::alias::Aliases;
use crate::answer::shape::Shaping;
use crate::cli::ServeArgs;
use crate::model::url::ProtocolSet;

/// The table as written. The profile sets everything; keys that are written beat it.
#[derive(serde::Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// `compatible` (the default) answers as mirrorlist-server does; `modern` as today's clients
    /// need it.
    pub profile: Option<Profile>,
    /// At most so many URLs of a mirror, https first; 0 lists all. Default 0, modern 1.
    pub urls_per_host: Option<Count<0, 100>>,
    /// At most so many mirrors, besides the fallback; 0 is no limit. Default 0, modern 50.
    pub max_mirrors: Option<Count<0, 100_000>>,
    /// Protocols that are listed only when they are asked for. Default none, modern ftp and rsync.
    pub unlisted_protocols: Option<Vec<Protocol>>,
    /// Whether the first four mirrors are of different networks where possible, and offer https.
    /// Default false, modern true.
    pub spread: Option<bool>,
    /// What is always listed last: a base URL, below which every directory is found under its full
    /// name. Default none.
    pub fallback: Option<Fallback>,
    /// A redirect names so many further mirrors. Default 4.
    pub redirect_links: Option<Count<0, 20>>,
    /// Other names of directories, with everything below them, and of repositories. Default none.
    #[serde(default, deserialize_with = "read_aliases")]
    pub aliases: Aliases,
    /// Whether bodies are compressed for clients that ask for it. Default false, modern true.
    pub compress: Option<bool>,
    /// Whose `ip=` counts; that of others is left unread. Default all.
    pub allow_ip: Option<Askers>,
    /// Whose `ip=` shows private mirrors of the network that it names. Default none.
    pub private_for_ip: Option<Askers>,
}

fn read_aliases<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Aliases, D::Error> {
    let pairs = BTreeMap::<String, String>::deserialize(deserializer)?;
    Aliases::new(pairs).map_err(D::Error::custom)
}

impl Answer {
    fn profile(&self, args: &ServeArgs) -> Profile {
        args.profile.or(self.profile).unwrap_or(Profile::Compatible)
    }

    /// How answers are shaped.
    pub fn shaping(&self, args: &ServeArgs) -> Shaping {
        let base = match self.profile(args) {
            Profile::Compatible => Shaping::default(),
            Profile::Modern => Shaping::modern(),
        };
        let limit = |written: Option<usize>, base| match written {
            Some(0) => None,
            Some(limit) => Some(limit),
            None => base,
        };
        let fallback = args.fallback.as_ref().or(self.fallback.as_ref());
        let unlisted = self.unlisted_protocols.as_ref().map(|protocols| {
            let protocols = protocols.iter().map(|Protocol(protocol)| *protocol);
            protocols.fold(ProtocolSet::EMPTY, ProtocolSet::with)
        });
        Shaping {
            urls_per_host: limit(self.urls_per_host.map(Count::as_usize), base.urls_per_host),
            max_mirrors: limit(self.max_mirrors.map(Count::as_usize), base.max_mirrors),
            unlisted: unlisted.unwrap_or(base.unlisted),
            spread: self.spread.unwrap_or(base.spread),
            fallback: fallback.map(|Fallback(fallback)| fallback.clone()).or(base.fallback),
        }
    }

    /// Further mirrors in a redirect.
    pub fn redirect_links(&self) -> usize {
        let default = answer::Options::default().redirect_links;
        self.redirect_links.map_or(default, Count::as_usize)
    }

    /// Whether bodies are compressed for clients that ask for it.
    pub fn compress(&self, args: &ServeArgs) -> bool {
        self.compress.unwrap_or(self.profile(args) == Profile::Modern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn shaping(table: &str, args: &ServeArgs) -> Shaping {
        let answer: Answer = toml::from_str(table).expect("a valid table");
        answer.shaping(args)
    }

    #[test]
    fn nothing_is_shaped_by_default() {
        assert_eq!(shaping("", &ServeArgs::default()), Shaping::default());
        assert!(!Answer::default().compress(&ServeArgs::default()));
    }

    #[test]
    fn keys_beat_the_profile_and_the_command_line_beats_both() {
        let table = "profile = 'modern'\nurls_per_host = 0\nunlisted_protocols = ['ftp']\n\
                     fallback = 'https://a.example'";
        let written = shaping(table, &ServeArgs::default());
        assert_eq!(written.urls_per_host, None);
        assert_eq!(written.max_mirrors, Shaping::modern().max_mirrors);
        assert!(written.spread);
        assert_eq!(
            written.fallback.map(|f| f.base().to_owned()).as_deref(),
            Some("https://a.example")
        );
        let args = ServeArgs {
            profile: Some(Profile::Compatible),
            fallback: "https://b.example/".parse().ok(),
            ..ServeArgs::default()
        };
        let both = shaping(table, &args);
        assert_eq!(both.max_mirrors, None);
        assert_eq!(
            both.fallback.map(|f| f.base().to_owned()).as_deref(),
            Some("https://b.example")
        );
    }

    #[test]
    fn bad_values_are_named() {
        for (table, reason) in [
            (
                "fallback = 'dl.example'",
                "`dl.example` has no scheme out of https, http, ftp, rsync",
            ),
            ("unlisted_protocols = ['gopher']", "`gopher` is none of https, http, ftp, rsync"),
            (
                "fallback = 'https://me:secret@dl.example'",
                "`https://…@dl.example` holds a user name or a password",
            ),
            ("aliases = { a = 'b', b = 'a' }", "the alias `a` leads round in a circle"),
            ("profile = 'new'", "unknown variant `new`, expected `compatible` or `modern`"),
        ] {
            let error = toml::from_str::<Answer>(table).expect_err(table);
            assert_eq!(error.message(), reason);
        }
    }
}
