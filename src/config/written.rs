//! The configuration file, as written: TOML, every key optional, unknown keys are errors.
//!
//! Keys have the names of the long options, with underscores. What is wrong is told in one line with
//! the place: `mirrorlistd.toml:7: unknown key `lisen`, …`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::answer::Answer;
use super::sources;
use super::values::{
    ClientAddress, Count, HostName, ListenAddress, LogLevel, Nat64Prefix, SocketMode, TrustedProxy,
};
use crate::http::socket::Address;
use crate::regular_file::{self, ReadError};

/// More than anybody writes.
const MAX_BYTES: u64 = 1 << 20;

/// The whole file. What the keys mean is told in [`crate::cli`].
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each is the option of the same name")]
pub struct Written {
    pub listen: Option<ListenAddress>,
    pub port: Option<u16>,
    pub minimum: Option<Count<0, 100_000>>,
    pub client_address: Option<ClientAddress>,
    pub socket_mode: Option<SocketMode>,
    pub trusted_proxy: Option<Vec<TrustedProxy>>,
    pub nat64_prefix: Option<Vec<Nat64Prefix>>,
    pub workers: Option<Count<1, 1_024>>,
    pub cache: Option<PathBuf>,
    pub internet2_netblocks: Option<PathBuf>,
    pub global_netblocks: Option<PathBuf>,
    pub cccsv: Option<PathBuf>,
    pub geoip: Option<PathBuf>,
    pub snapshot: Option<PathBuf>,
    pub demo: Option<bool>,
    pub allow_shrink: Option<bool>,
    pub watch: Option<bool>,
    pub watch_quiet: Option<Count<1, 3_600>>,
    pub log: Option<PathBuf>,
    pub combined_log: Option<PathBuf>,
    pub log_level: Option<LogLevel>,
    #[serde(default)]
    pub answer: Answer,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub admin: Admin,
    #[serde(default)]
    pub listener: Vec<Listener>,
}

/// A table `[[listener]]`: one more public address.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// `ADDR:PORT` or `unix:PATH`.
    pub address: Address,
    /// Where the addresses of its clients are found. Default: as for the first address.
    pub client_address: Option<ClientAddress>,
    /// A socket that systemd hands over under this name (`FileDescriptorName=`) takes its place.
    /// Default: none does.
    pub name: Option<String>,
}

/// The table `[admin]`.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Where to answer the operator, `ADDR:PORT` or `unix:PATH`; the option `--admin`. Default:
    /// nowhere.
    pub listen: Option<Address>,
    /// Names that it may be asked by over TCP, beside addresses and `localhost`; the option
    /// `--admin-host`. Default: none.
    pub hosts: Option<Vec<HostName>>,
}

/// The table `[limits]`.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// How long a request's header may take from its first byte to its end, and a connection to
    /// its first byte. Default 10.
    pub header_timeout_seconds: Option<Count<1, 86_400>>,
    /// How long a connection is kept between two requests. Default 75.
    pub idle_timeout_seconds: Option<Count<1, 86_400>>,
    /// How long a client may take no byte of an answer. Default 30.
    pub write_timeout_seconds: Option<Count<1, 86_400>>,
    /// How long a client may go on sending after the last answer of its connection. Default 2.
    pub linger_timeout_seconds: Option<Count<1, 3_600>>,
    /// Bytes that are read and thrown away meanwhile. Default 262,144.
    pub linger_bytes: Option<Count<0, 1_000_000_000>>,
    /// Connections at the same time. Default 10,000, or what the limit of open files leaves.
    pub max_connections: Option<Count<1, 1_000_000>>,
    /// Bytes that may wait for clients that do not read, in the whole process. Default 256 MiB.
    pub unsent_bytes: Option<Count<1_048_576, 4_294_967_295>>,
    /// Bytes of a request target. Default 8,000.
    pub max_target_bytes: Option<Count<64, 15_000>>,
    /// Bytes of a body that may be compressed; longer ones are sent as they are. Default 262,144.
    pub max_compressed_bytes: Option<Count<0, 1_000_000_000>>,
    /// Header fields of a request. Default 64.
    pub max_headers: Option<Count<1, 1_000>>,
    /// Query parameters of a request. Default 32.
    pub max_parameters: Option<Count<2, 1_000>>,
    /// Countries in `country=`. Default 16.
    pub max_countries: Option<Count<1, 1_000>>,
    /// Protocols in `protocol=`. Default 16.
    pub max_protocols: Option<Count<1, 1_000>>,
    /// How long TERM lets requests finish. Default 30.
    pub grace_seconds: Option<Count<0, 86_400>>,
    /// How long a reload may take before it is given up. Default 300.
    pub reload_timeout_seconds: Option<Count<1, 86_400>>,
    /// Bytes of the log that may wait for stderr. Default 262,144.
    pub log_queue_bytes: Option<Count<4_096, 1_000_000_000>>,
    /// Bytes of the lines of an access log that may wait for the disk. Default 4 MiB.
    pub access_log_queue_bytes: Option<Count<1_024, 1_073_741_824>>,
}

/// Why a configuration file cannot be used; names the file, the line and the value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("{}: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: ReadError,
    },
    /// It says something that makes no sense.
    #[error("{}:{line}: {message}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
}

impl Written {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = regular_file::read(path, MAX_BYTES)
            .map_err(|error| Error::Read { path: path.to_owned(), error })?;
        let at = |line, message| Error::Content { path: path.to_owned(), line, message };
        let text = String::from_utf8(bytes).map_err(|error| {
            let n_valid = error.utf8_error().valid_up_to();
            let line = n_lines(error.as_bytes().get(..n_valid).unwrap_or_default());
            at(line, "is no UTF-8 text".into())
        })?;
        let written = Self::parse(&text, path)?;
        match sources::find_contradiction(&text) {
            Some((offset, message)) => Err(at(line_of(&text, offset), message)),
            None => Ok(written),
        }
    }

    /// Reads the text of a file; `path` is for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error| Error::Content {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line_of(text, span.start)),
            message: one_line(error.message()),
        })
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    n_lines(text.as_bytes().get(..offset).unwrap_or_default())
}

/// The number of the line that follows these bytes.
fn n_lines(before: &[u8]) -> usize {
    before.iter().filter(|&&b| b == b'\n').count() + 1
}

/// serde's message in the words of somebody who writes a configuration.
fn one_line(message: &str) -> String {
    if message.starts_with("unknown field `access_log_queue`") {
        return "`access_log_queue` counted lines and is gone: write `access_log_queue_bytes`, about \
                256 for each of them"
            .into();
    }
    let message = match message.strip_prefix("unknown field") {
        Some(rest) => format!("unknown key{rest}").replacen("expected one of", "known keys are", 1),
        None => message.replacen("unknown variant", "unknown value", 1).replacen(
            "missing field",
            "missing key",
            1,
        ),
    };
    // A value may stand in it as it is written, and hold anything.
    message.replace('\n', "; ").replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str) -> String {
        Written::parse(text, Path::new("m.toml")).expect_err(text).to_string()
    }

    #[test]
    fn every_option_can_be_written() {
        let text = "listen = '::'\nport = 0\nminimum = 5\n\
                    client_address = 'forwarded'\nsocket_mode = '0660'\ntrusted_proxy = ['10.0.0.0/8', 'none']\n\
                    nat64_prefix = ['2001:db8:64::/96']\n\
                    workers = 2\ncache = 'a'\ninternet2_netblocks = 'b'\nglobal_netblocks = 'c'\n\
                    cccsv = 'd'\ngeoip = 'e'\nsnapshot = 'f'\ndemo = false\nallow_shrink = true\n\
                    watch = true\nwatch_quiet = 5\n\
                    log = 'none'\ncombined_log = '/l'\nlog_level = 'warn'\n[answer]\nprofile = 'modern'\n\
                    urls_per_host = 1\nmax_mirrors = 9\nunlisted_protocols = ['rsync']\n\
                    spread = true\nfallback = 'https://dl.example'\nredirect_links = 0\n\
                    compress = true\naliases = { a = 'b' }\nallow_ip = 'trusted'\nprivate_for_ip = 'none'\n[limits]\nheader_timeout_seconds = 10\n\
                    idle_timeout_seconds = 75\nwrite_timeout_seconds = 30\n\
                    linger_timeout_seconds = 2\nlinger_bytes = 262144\n\
                    max_connections = 10\nunsent_bytes = 268435456\nmax_target_bytes = 8000\nmax_compressed_bytes = 262144\nmax_headers = 64\n\
                    max_parameters = 32\nmax_countries = 16\nmax_protocols = 16\n\
                    grace_seconds = 30\nreload_timeout_seconds = 300\n\
                    log_queue_bytes = 262144\naccess_log_queue_bytes = 100000\n\
                    [admin]\nlisten = 'unix:/run/a'\nhosts = ['status.example']\n\
                    [[listener]]\naddress = 'unix:/run/b'\n\
                    [[listener]]\naddress = '[::1]:80'\nclient_address = 'proxy-protocol'\n\
                    name = 'b'\n";
        assert!(Written::parse(text, Path::new("m.toml")).is_ok());
        assert!(Written::parse("", Path::new("m.toml")).is_ok());
    }

    #[test]
    fn unknown_keys_are_errors_with_their_line_at_each_level() {
        let message = refused("port = 1\n\nlisen = '::'\n");
        assert!(
            message.starts_with("m.toml:3: unknown key `lisen`, known keys are `listen`"),
            "{message}"
        );
        let message = refused("port = 1\n[limits]\n# comment\nmax_conections = 1\n");
        assert!(message.starts_with("m.toml:4: unknown key `max_conections`"), "{message}");
        assert!(refused("[answer]\nurls = 1\n").starts_with("m.toml:2: unknown key `urls`"));
        let message = refused("[[listener]]\naddress = '[::]:1'\n[[listener]]\nadress = 'x'\n");
        assert!(
            message.starts_with("m.toml:4: unknown key `adress`, known keys are `address`"),
            "{message}"
        );
        assert!(refused("[limit]\n").starts_with("m.toml:1: unknown key `limit`"));
    }

    #[test]
    fn bad_values_are_errors_with_their_line_and_the_value() {
        assert_eq!(refused("\nlisten = 'x'\n"), "m.toml:2: `x` is no IPv4 or IPv6 address");
        assert_eq!(
            refused("trusted_proxy = [\n '10.0.0.0/8',\n '10.0.0.0/40',\n]\n"),
            "m.toml:3: `10.0.0.0/40` has an impossible prefix length"
        );
        assert_eq!(refused("[limits]\nmax_headers = 0\n"), "m.toml:2: 0 is not in 1 to 1000");
        assert!(refused("port = 70000\n").starts_with("m.toml:1: invalid value: integer `70000`"));
        assert!(refused("port = 1\nport = 2\n").starts_with("m.toml:2: "));
        assert_eq!(
            refused("port = 1\nclient_address = 'x-real-ip'\n"),
            "m.toml:2: unknown value `x-real-ip`, expected one of `x-forwarded-for`, `forwarded`, \
             `proxy-protocol`, `peer`"
        );
        assert!(
            refused("[[listener]]\naddress = '[::]:1'\n\nclient_address = 'proxy'\n")
                .starts_with("m.toml:4: unknown value `proxy`, expected one of")
        );
        assert_eq!(
            refused("[[listener]]\naddress = '127.0.0.1'\n"),
            "m.toml:2: `127.0.0.1` is neither ADDR:PORT nor unix:PATH"
        );
        assert_eq!(
            refused("port = 1\n[[listener]]\nname = 'a'\n"),
            "m.toml:2: missing key `address`"
        );
        assert_eq!(
            refused("socket_mode = '9'\n"),
            "m.toml:1: `9` is no mode in octal, such as 0660"
        );
        for text in ["=", "[", "port = ", "\u{0}", "listen = \"\"\"\n", "listen = '\t'"] {
            assert!(!refused(text).contains(char::is_control), "{text:?}");
        }
    }
}
