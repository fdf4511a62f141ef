//! The options that the operator wrote, on the command line or in the configuration file; each may be
//! absent.
//!
//! The file is TOML. Keys have the names of the long options, with underscores; unknown keys are errors.
//! An error is reported in one line with its position: `mirrorlistd.toml:7: unknown key `lisen`, …`.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess};

use super::definition::{Definition, names_in};
use super::section_macro::Section;
use super::sections::admin::AdminOptions;
use super::sections::answer::AnswerOptions;
#[cfg(feature = "control")]
use super::sections::control::ControlOptions;
#[cfg(feature = "control")]
use super::sections::control_error::ControlError;
use super::sections::data::{FileAlone, InputOptions, SourceOptions};
use super::sections::http::HttpOptions;
use super::sections::listen::{ListenOptions, ListenerOptions, ListenerTable};
use super::sections::log::LogOptions;
use super::sections::process::ProcessOptions;
use super::source_conflict;
use super::toml_table::{Keys, TomlTable};
use runtime::regular_file::{self, ReadError};

/// The greatest length of a configuration file in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The tables of the file below its top level, and what they hold.
pub const TABLES: &[(&str, &str)] = &[
    ("answer", "How answers are shaped."),
    ("limits", "Limits: beyond them, requests are refused or connections closed."),
    (
        "admin",
        "The listener of the operator. It has no passwords: keep it on loopback or on a unix socket.",
    ),
    #[cfg(feature = "control")]
    (
        "control",
        "Background work: scans of the primary tree, compiles and clean-up, as tasks that survive crashes. With \
         `state` or `store`, this process does it, and serves the snapshot that it publishes.",
    ),
];

/// The name of the tables that may occur several times, one for each further public address.
pub const LISTENER: &str = "listener";

/// The documentation of a section.
pub struct Chapter {
    /// Its name; adjacent sections may share it.
    pub title: &'static str,
    /// What it is about.
    pub about: Vec<String>,
    /// Its options, in reading order.
    pub options: Vec<Definition>,
}

fn chapter<S: Section>() -> Chapter {
    let (title, about) = S::about();
    Chapter { title, about, options: S::definitions() }
}

macro_rules! written {
    ($($field:ident: $Section:ty,)*) => {
        /// Every option of `serve`, section by section.
        #[derive(clap::Args, Clone, Debug, Default)]
        #[allow(missing_docs, reason = "each section says what it is about")]
        pub struct Written {
            $(#[command(flatten)] pub $field: $Section,)*
            /// Background work; its flags are those of `mirrorlistd control`.
            #[cfg(feature = "control")]
            #[arg(skip)]
            pub control: ControlOptions,
            /// The further public addresses; in the file only.
            #[arg(skip)]
            pub listeners: Vec<ListenerTable>,
        }

        impl Written {
            /// The sections, in reading order.
            pub fn chapters() -> Vec<Chapter> {
                vec![
                    $(chapter::<$Section>(),)*
                    #[cfg(feature = "control")]
                    chapter::<ControlOptions>(),
                    chapter::<ListenerOptions>(),
                ]
            }

            /// Merges two layers; a value in the upper layer wins.
            pub fn merge(self, lower: Self) -> Self {
                let mut listeners = self.listeners;
                listeners.extend(lower.listeners);
                Self {
                    $($field: self.$field.merge(lower.$field),)*
                    #[cfg(feature = "control")]
                    control: self.control.over(lower.control),
                    listeners,
                }
            }

            fn read_option<'de, A: MapAccess<'de>>(
                &mut self,
                key: &str,
                map: &mut A,
            ) -> Result<bool, A::Error> {
                #[cfg(feature = "control")]
                if self.control.read(key, map)? {
                    return Ok(true);
                }
                Ok($(self.$field.read(key, map)?)||*)
            }
        }
    };
}

written! {
    inputs: InputOptions,
    source: SourceOptions,
    listen: ListenOptions,
    http: HttpOptions,
    process: ProcessOptions,
    answer: AnswerOptions,
    admin: AdminOptions,
    log: LogOptions,
}

/// The keys of each table, those of the top level first.
static KEYS: LazyLock<Vec<(&str, Vec<&str>)>> = LazyLock::new(|| {
    let chapters = Written::chapters();
    let options: Vec<_> = chapters.into_iter().flat_map(|chapter| chapter.options).collect();
    let mut top = names_in("", &options);
    top.extend(TABLES.iter().map(|(table, _)| *table));
    top.push(LISTENER);
    let tables = TABLES.iter().map(|(table, _)| (*table, names_in(table, &options)));
    std::iter::once(("", top)).chain(tables).collect()
});

impl Keys for Written {
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if let Some((name, known)) = KEYS.iter().find(|(table, _)| *table == key) {
            map.next_value_seed(TomlTable { name, known, target: self })?;
            return Ok(true);
        }
        if key == LISTENER {
            self.listeners = map.next_value()?;
            return Ok(true);
        }
        self.read_option(key, map)
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut written = Self::default();
        let known = KEYS.first().map(|(_, names)| names.as_slice()).unwrap_or_default();
        TomlTable { name: "", known, target: &mut written }.deserialize(deserializer)?;
        Ok(written)
    }
}

/// The reason why a configuration cannot be used; it names the file, the line and the value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("{}: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: ReadError,
    },
    /// The command line names a file without the data to which it belongs.
    #[error(transparent)]
    FileAlone(#[from] FileAlone),
    /// Background work cannot be done as it is configured.
    #[cfg(feature = "control")]
    #[error(transparent)]
    Control(#[from] ControlError),
    /// It is no valid configuration.
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
        match source_conflict::find(&text) {
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

/// The number, from 1, of the line in which these bytes end.
fn n_lines(before: &[u8]) -> usize {
    before.iter().filter(|&&b| b == b'\n').count() + 1
}

/// Rewrites serde's message in the terms of the configuration file.
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
    // The message may quote a value, which can contain line breaks and control characters.
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
    fn unknown_keys_are_errors_with_their_line_at_each_level() {
        let message = refused("port = 1\n\nlisen = '::'\n");
        assert!(
            message.starts_with("m.toml:3: unknown key `lisen`, known keys are `"),
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
