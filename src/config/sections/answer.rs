//! Which mirrors are listed, and how answers are shaped.

use std::num::NonZeroU64;

use crate::config::section_macro::section;
use crate::config::values::{
    AliasTable, Count, Fallback, Nat64Prefix, Policy, Profile, Protocol, Requesters, SecretParser,
};
use answer::shaping::Shaping;
use model::url;
use model::url::ProtocolSet;

section! {
    /// Which mirrors are listed, and how answers are shaped. The profile sets everything that has two defaults;
    /// keys that are written beat it.
    pub struct AnswerOptions in "Answers" {
        /// Add mirrors from everywhere when fewer than this were found near the client
        minimum: Count<0, 100_000> {
            key: "minimum",
            flag: (long, short = 'm'),
            value: "N",
            default: Count::of(5),
        }
        /// How answers are shaped: as mirrorlist-server does, or as today's clients need it
        ///
        /// `modern` lists the nearest mirrors first, one URL of each mirror (https first), at most 50 mirrors, ftp and rsync only where they
        /// are asked for, spreads the first four over networks, and compresses for clients that ask for it. Each
        /// of these has a key in the table `answer` of the configuration file, which beats the profile.
        profile: Profile {
            key: "answer.profile",
            flag: (long),
            value: "PROFILE",
            default: Profile::Compatible,
        }
        /// The order of mirrors, where a route of the catalog does not say it
        ///
        /// `tiers` is that of mirrorlist-server: those of the client's network, country, continent, then the world.
        /// `nearest` goes by distance after the client's network, and after its country if no more than that is
        /// known of the client, so that neighbours on another continent come before mirrors at the other end of the
        /// own one.
        policy: Policy {
            key: "answer.policy",
            flag: (skip),
            value: "POLICY",
            profiles: (Policy::Tiers, Policy::Nearest),
        }
        /// At most so many URLs of a mirror, https first; 0 lists all
        urls_per_host: Count<0, 100> {
            key: "answer.urls_per_host",
            flag: (skip),
            value: "N",
            profiles: (Count::of(0), Count::of(1)),
        }
        /// At most so many mirrors, besides the fallback; 0 is no limit
        max_mirrors: Count<0, 100_000> {
            key: "answer.max_mirrors",
            flag: (skip),
            value: "N",
            profiles: (Count::of(0), Count::of(50)),
        }
        /// Protocols that are listed only when `protocol=` asks for them
        unlisted_protocols: Vec<Protocol> {
            key: "answer.unlisted_protocols",
            flag: (skip),
            value: "PROTOCOL",
            profiles: (
                Vec::new(),
                [url::Protocol::Ftp, url::Protocol::Rsync].map(Protocol).into()
            ),
        }
        /// Whether the first four mirrors are of different networks where possible, and offer https
        spread: bool {
            key: "answer.spread",
            flag: (skip),
            value: "",
            profiles: (false, true),
        }
        /// Whether a mirror that does not work over the client's version of IP comes after others
        ///
        /// It is not the first one if there is another, and one of the first four mirrors works over IPv6 for clients of
        /// IPv6. Mirrors of which the data do not say it count as before.
        families: bool {
            key: "answer.families",
            flag: (skip),
            value: "",
            profiles: (false, true),
        }
        /// Whether bodies are compressed (zstd or gzip) for clients that ask for it
        compress: bool {
            key: "answer.compress",
            flag: (skip),
            value: "",
            profiles: (false, true),
        }
        /// Always list this last: the origin, or a CDN before it
        ///
        /// Every directory is looked for below this URL under its full name, as in
        /// URL/pub/fedora/linux/releases/. dnf tries the last URL second when the first one stalls.
        fallback: Fallback {
            key: "answer.fallback",
            flag: (long, value_parser = SecretParser::<Fallback>::of("--fallback <URL>")),
            value: "URL",
            example: "\"https://dl.example.org\"",
        }
        /// Further mirrors in the `Link` header of redirects
        redirect_links: Count<0, 20> {
            key: "answer.redirect_links",
            flag: (skip),
            value: "N",
            default: Count::of(4),
        }
        /// Redirect a client that asks for the same file again after so many seconds to another mirror; 0 draws one
        /// each time
        ///
        /// The answer depends on the time and the client, so nothing is stored. Where nearly all clients get one
        /// mirror, as one of their own network, a quarter of them gets the next one.
        redirect_retry: Count<0, 900> {
            key: "answer.redirect_retry",
            flag: (skip),
            value: "SECONDS",
            profiles: (Count::of(0), Count::of(60)),
        }
        /// Other names for what is not found under its own: of directories, with everything below them, and of
        /// repositories
        ///
        /// The longest beginning of a path counts.
        aliases: AliasTable {
            key: "answer.aliases",
            flag: (skip),
            value: "NAMES",
            example: "{ \"pub/epel/7Server\" = \"pub/epel/7\", \"epel-7Server\" = \"epel-7\" }",
        }
        /// Whose `ip=` counts
        ///
        /// The parameter of others is left unread: they are answered for their own address. `trusted` are those
        /// whose own address is one of `trusted_proxy`, such as this host. It shows private mirrors to nobody,
        /// unless `private_for_ip` in the configuration file says so.
        allow_ip: Requesters {
            key: "answer.allow_ip",
            flag: (long),
            value: "WHO",
            default: Requesters::All,
        }
        /// Whose `ip=` shows private mirrors of the network that it names
        ///
        /// Others see them from there only.
        private_for_ip: Requesters {
            key: "answer.private_for_ip",
            flag: (skip),
            value: "WHO",
            default: Requesters::None,
        }
        /// Whether everybody may ask why a list is as it is, at /why
        ///
        /// The page is for the address of whoever asks, or for that in `ip=` as `allow_ip` says. It names no
        /// private mirror. Operators have the page /explain on their own listener.
        public_explain: bool {
            key: "answer.public_explain",
            flag: (skip),
            value: "",
            default: false,
        }
        /// A translator puts the IPv4 addresses of clients behind this prefix (RFC 6052); may be repeated
        ///
        /// It has 32, 40, 48, 56, 64 or 96 bits. Such clients are looked up under their IPv4 address as well.
        /// 64:ff9b::/96, 64:ff9b:1::/48, 6to4 and Teredo are known without it.
        nat64_prefix: Vec<Nat64Prefix> {
            key: "nat64_prefix",
            flag: (long),
            value: "PREFIX",
            default: Vec::new(),
            example: "[\"2001:db8:64::/96\"]",
        }
        /// Query parameters of a request; 400 beyond
        max_parameters: Count<2, 1_000> {
            key: "limits.max_parameters",
            flag: (skip),
            value: "N",
            default: Count::of(32),
        }
        /// Countries in `country=` or `not_country=`; 400 beyond
        max_countries: Count<1, 1_000> {
            key: "limits.max_countries",
            flag: (skip),
            value: "N",
            default: Count::of(16),
        }
        /// Protocols in `protocol=`; 400 beyond
        max_protocols: Count<1, 1_000> {
            key: "limits.max_protocols",
            flag: (skip),
            value: "N",
            default: Count::of(16),
        }
        /// Hosts in `exclude=`; 400 beyond
        max_excluded: Count<1, 1_000> {
            key: "limits.max_excluded",
            flag: (skip),
            value: "N",
            default: Count::of(16),
        }
        /// Pages a second that `answer.public_explain` allows in the whole process; 429 beyond
        // With 557 mirrors a page takes half a millisecond, some ten times as long as an answer.
        explain_per_second: Count<1, 1_000> {
            key: "limits.explain_per_second",
            flag: (skip),
            value: "N",
            default: Count::of(5),
        }
    }
}

impl AnswerOptions {
    /// The rules of answers.
    pub fn options(&self) -> answer::Options {
        answer::Options {
            policy: self.policy(self.profile()).into(),
            families: self.families(self.profile()),
            minimum: self.minimum().as_usize(),
            max_parameters: self.max_parameters().as_usize(),
            max_countries: self.max_countries().as_usize(),
            max_protocols: self.max_protocols().as_usize(),
            max_excluded: self.max_excluded().as_usize(),
            redirect_links: self.redirect_links().as_usize(),
            redirect_retry: NonZeroU64::new(self.redirect_retry(self.profile()).get().into()),
            nat64: self.nat64_prefix().into_iter().map(|Nat64Prefix(prefix)| prefix).collect(),
            shaping: self.shaping(),
            aliases: self.aliases.clone().unwrap_or_default().0,
            allow_ip: self.allow_ip().into(),
            private_for_ip: self.private_for_ip().into(),
        }
    }

    /// How many pages a second explain answers to everybody; `None` if none does.
    pub fn explains_per_second(&self) -> Option<u32> {
        self.public_explain().then(|| self.explain_per_second().get())
    }

    fn shaping(&self) -> Shaping {
        let profile = self.profile();
        let limit = |number: usize| Some(number).filter(|&number| number > 0);
        let unlisted = self.unlisted_protocols(profile).into_iter();
        let unlisted = unlisted.map(|Protocol(protocol)| protocol);
        Shaping {
            urls_per_host: limit(self.urls_per_host(profile).as_usize()),
            max_mirrors: limit(self.max_mirrors(profile).as_usize()),
            unlisted: unlisted.fold(ProtocolSet::EMPTY, ProtocolSet::with),
            spread: self.spread(profile),
            fallback: self.fallback.clone().map(|Fallback(fallback)| fallback),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::section_macro::Section;
    use crate::config::written::Written;

    #[track_caller]
    fn read(table: &str) -> Written {
        toml::from_str(&format!("[answer]\n{table}")).expect("a valid table")
    }

    #[track_caller]
    fn shaping(table: &str, flags: AnswerOptions) -> Shaping {
        flags.merge(read(table).answer).options().shaping
    }

    #[test]
    fn nothing_is_shaped_by_default() {
        assert_eq!(shaping("", AnswerOptions::default()), Shaping::default());
        assert!(!AnswerOptions::default().compress(Profile::Compatible));
    }

    #[test]
    fn keys_beat_the_profile_and_the_command_line_beats_both() {
        let table = "profile = 'modern'\nurls_per_host = 0\nunlisted_protocols = ['ftp']\n\
                     fallback = 'https://a.example'";
        let written = shaping(table, AnswerOptions::default());
        assert_eq!(written.urls_per_host, None);
        assert_eq!(written.max_mirrors, Shaping::modern().max_mirrors);
        assert!(written.spread);
        assert_eq!(
            written.fallback.map(|f| f.base().to_owned()).as_deref(),
            Some("https://a.example")
        );
        let args = AnswerOptions {
            profile: Some(Profile::Compatible),
            fallback: "https://b.example/".parse().ok(),
            ..AnswerOptions::default()
        };
        let both = shaping(table, args);
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
            let error = toml::from_str::<Written>(&format!("[answer]\n{table}")).expect_err(table);
            assert_eq!(error.message(), reason);
        }
    }
}
