//! The check-in of MirrorManager's program `report_mirror`.
//!
//! It calls `checkin` with one string: base64, with `-` and `_`, of bzip2 of
//!
//! ```json
//! {"version": 0,
//!  "global": {"enabled": "1", "server": "https://…/xmlrpc"},
//!  "site": {"enabled": "1", "name": "…", "password": "…"},
//!  "host": {"enabled": "1", "name": "…", "user_active": "1"},
//!  "stats": {},
//!  "fedora linux": {"enabled": "1", "dirtree": {"": {}, "releases": {}, "releases/41": {}}}}
//! ```
//!
//! Each section but the first five is a category, whose name the program writes in lower case. Only the names
//! of directories say something; in early versions files stand in them, which are skipped. A name that is no
//! text (Python writes half a surrogate pair for each odd byte) is skipped as well.
//!
//! MirrorManager answers a check-in that it refuses with an ordinary string, which the program prints; for a
//! fault, the program prints that the connection was closed. So a reason reaches the owner of a mirror only by
//! [`success`](super::xml_rpc::success).

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::BufReader;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bzip2::bufread::BzDecoder;
use model::one_line::one_line;
use model::secret::Secret;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::directories::{Collector, Directories};
use super::error::CheckinError;
use super::limits::Limits;
use super::reading::LimitedJson;
use super::xml_rpc;

/// The most categories of a check-in. Fedora has eight.
const MAX_CATEGORIES: usize = 1_000;
/// The longest name of a site, a host or a category, in bytes.
const MAX_TEXT: usize = model::MAX_NAME;

/// A check-in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The name of the site, in MirrorManager the owner of hosts.
    pub site: String,
    /// The password of the site.
    pub password: Secret,
    /// The name of the host: of the mirror.
    pub host: String,
    /// Whether its owner wants it to be listed; `None` if the report does not say it.
    pub user_active: Option<bool>,
    /// The directories by the name of the category, in lower case.
    pub categories: BTreeMap<String, Directories>,
}

/// Decodes the body of a call. `is_known` says whether somebody has the password: if nobody has, no more is unpacked.
pub fn decode_call(
    body: &[u8],
    limits: &Limits,
    is_known: impl FnMut(&Secret) -> bool,
) -> Result<Report, CheckinError> {
    if body.len() > limits.body() {
        return Err(CheckinError::TooLong { found: body.len(), limit: limits.body() });
    }
    let xml_rpc::Call { method, mut parameters } = xml_rpc::parse(body)?;
    if method != "checkin" {
        return Err(CheckinError::Method(one_line(&method)));
    }
    match (parameters.pop(), parameters.is_empty()) {
        (Some(argument), true) => decode(&argument, limits, is_known),
        _ => Err(CheckinError::NoCall("`checkin` takes one parameter".to_owned())),
    }
}

/// Decodes the argument of a call.
pub fn decode(
    argument: &str,
    limits: &Limits,
    mut is_known: impl FnMut(&Secret) -> bool,
) -> Result<Report, CheckinError> {
    let argument = argument.trim();
    let found = argument.len() / 4 * 3;
    if found > limits.packed.saturating_add(3) {
        return Err(CheckinError::TooLong { found, limit: limits.packed });
    }
    let padding = DecodePaddingMode::Indifferent;
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(padding);
    let packed = GeneralPurpose::new(&URL_SAFE, config).decode(argument);
    let packed = packed.map_err(|_| CheckinError::Base64)?;
    if packed.len() > limits.packed {
        return Err(CheckinError::TooLong { found: packed.len(), limit: limits.packed });
    }
    let limit = Cell::new(limits.before_password.min(limits.unpacked));
    let mut json = LimitedJson::new(BzDecoder::new(&*packed), &limit);
    let mut collector = Collector::new(*limits);
    let mut fault = None;
    let report = parse(
        &mut json,
        Context {
            collector: &mut collector,
            fault: &mut fault,
            is_known: &mut is_known,
            pass: &mut || limit.set(limits.unpacked),
        },
    );
    if let Some(fault) = fault.or_else(|| json.take_fault()) {
        let is_before = limit.get() < limits.unpacked;
        return Err(match fault {
            CheckinError::TooLongUnpacked(limit) if is_before => CheckinError::LatePassword(limit),
            fault => fault,
        });
    }
    let report = report.map_err(|error| match error.is_io() {
        true => CheckinError::Bzip2(one_line(&error)),
        false => CheckinError::json(&error),
    })?;
    match json.inner().get_ref().is_empty() {
        true => report.finish(),
        false => Err(CheckinError::Bzip2("something follows it".to_owned())),
    }
}

/// Parses to the end of the input. A limit or a rule that is broken is left in `fault`.
fn parse(
    json: &mut LimitedJson<'_, BzDecoder<&[u8]>>,
    context: Context<'_>,
) -> Result<Draft, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_reader(BufReader::new(json));
    let draft = deserializer.deserialize_map(Sections(context))?;
    deserializer.end()?;
    Ok(draft)
}

/// What was read, before it is known to be whole.
#[derive(Default)]
struct Draft {
    version: Option<u64>,
    global: Option<Global>,
    site: Option<Site>,
    host: Option<Host>,
    categories: BTreeMap<String, Directories>,
}

#[derive(Deserialize)]
struct Global {
    enabled: Option<String>,
}

#[derive(Deserialize)]
struct Site {
    name: String,
    #[serde(deserialize_with = "secret")]
    password: Secret,
}

#[derive(Deserialize)]
struct Host {
    name: String,
    user_active: Option<String>,
}

impl Draft {
    fn finish(self) -> Result<Report, CheckinError> {
        let missing = |section: &str| {
            CheckinError::Content(format!("has no section [{section}]: check report_mirror.conf"))
        };
        match self.version {
            Some(0) => {}
            Some(other) => {
                let problem = format!("is of version {other}, and only version 0 is known");
                return Err(CheckinError::Content(problem));
            }
            None => return Err(CheckinError::Content("has no version".to_owned())),
        }
        if self.global.ok_or_else(|| missing("global"))?.enabled.as_deref() != Some("1") {
            let problem = "is not enabled in the section [global] of report_mirror.conf";
            return Err(CheckinError::Content(problem.to_owned()));
        }
        let site = self.site.ok_or_else(|| missing("site"))?;
        let host = self.host.ok_or_else(|| missing("host"))?;
        for (section, name) in [("site", &site.name), ("host", &host.name)] {
            if !is_name(name) {
                let problem = "is empty, longer than 500 bytes, or holds control characters";
                let problem = format!("has a `name` in [{section}] that {problem}");
                return Err(CheckinError::Content(problem));
            }
        }
        let is_yes = |text: String| ["true", "1", "t", "y", "yes"].contains(&&*text);
        Ok(Report {
            site: site.name,
            password: site.password,
            host: host.name,
            user_active: host.user_active.map(is_yes),
            categories: self.categories,
        })
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

fn is_name(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// What is counted over the whole of a document, and why it was given up.
struct Context<'c> {
    collector: &'c mut Collector,
    fault: &'c mut Option<CheckinError>,
    /// Whether somebody has a password.
    is_known: &'c mut dyn FnMut(&Secret) -> bool,
    /// Lets more be unpacked.
    pass: &'c mut dyn FnMut(),
}

impl Context<'_> {
    /// Gives up with this reason.
    fn fail<E: serde::de::Error>(&mut self, fault: CheckinError) -> E {
        let error = E::custom(&fault);
        *self.fault = Some(fault);
        error
    }
}

/// Reads the document.
struct Sections<'c>(Context<'c>);

impl<'de> Visitor<'de> for Sections<'_> {
    type Value = Draft;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sections of a report_mirror.conf")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Draft, A::Error> {
        let mut draft = Draft::default();
        while let Some(section) = map.next_key::<String>()? {
            match &*section {
                "version" => draft.version = Some(map.next_value()?),
                "global" => draft.global = Some(map.next_value()?),
                "site" => {
                    let site: Site = map.next_value()?;
                    if !(self.0.is_known)(&site.password) {
                        return Err(self.0.fail(CheckinError::Password));
                    }
                    (self.0.pass)();
                    draft.site = Some(site);
                }
                "host" => draft.host = Some(map.next_value()?),
                "stats" => drop(map.next_value::<IgnoredAny>()?),
                _ => {
                    let context = &mut self.0;
                    let category = section.to_lowercase();
                    if !is_name(&category) || draft.categories.len() >= MAX_CATEGORIES {
                        let problem =
                            "has more than 1,000 categories, or one without a proper name";
                        return Err(context.fail(CheckinError::Content(problem.to_owned())));
                    }
                    let directories = map.next_value_seed(Category(context))?;
                    let Some(directories) = directories else {
                        let problem = format!("has no `dirtree` in [{category}]");
                        return Err(self.0.fail(CheckinError::Content(problem)));
                    };
                    if draft.categories.insert(category, directories).is_some() {
                        let problem = format!("has two sections [{section}]");
                        return Err(self.0.fail(CheckinError::Content(problem)));
                    }
                }
            }
        }
        Ok(draft)
    }
}

/// Reads the section of a category.
struct Category<'c, 'd>(&'d mut Context<'c>);

impl<'de> DeserializeSeed<'de> for Category<'_, '_> {
    type Value = Option<Directories>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Category<'_, '_> {
    type Value = Option<Directories>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the section of a category")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut directories = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == "dirtree" {
                directories = Some(map.next_value_seed(DirectoryTree(self.0))?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(directories)
    }
}

/// Reads the names of directories.
struct DirectoryTree<'c, 'd>(&'d mut Context<'c>);

impl<'de> DeserializeSeed<'de> for DirectoryTree<'_, '_> {
    type Value = Directories;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for DirectoryTree<'_, '_> {
    type Value = Directories;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names of directories")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Directories, A::Error> {
        let mut directories = Directories::default();
        while let Some(Bytes(name)) = map.next_key()? {
            map.next_value::<IgnoredAny>()?;
            let added = self.0.collector.add(&mut directories, &name);
            added.map_err(|fault| self.0.fail(fault))?;
        }
        directories.finish();
        Ok(directories)
    }
}

/// A string that need not be text: half a surrogate pair, as Python writes it, is no error.
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor;

        impl Visitor<'_> for BytesVisitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Bytes, E> {
                self.visit_bytes(text.as_bytes())
            }
        }

        deserializer.deserialize_bytes(BytesVisitor)
    }
}
