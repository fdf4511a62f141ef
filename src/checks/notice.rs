//! What the owner of a mirror is told by a webhook, and when.
//!
//! A notice is due when something that its owner should know has lasted long enough ([`Rules`]) and was not
//! told yet, and at most once a day for each class: a mirror that flaps makes no more than two notices a day,
//! one of each kind. What is held back by that is told a day later, if it is still so.
//!
//! [`due`] decides from what is the case now and from what was told ([`Told`], which is kept with the mirror).
//! It counts a notice as told: whether a webhook has taken it is up to who sends it, and a webhook that fails
//! for ever must not pile up notices. One that is dropped counts as not told again ([`Outbox::dropped`]).
//!
//! How long something lasts is measured in credited time ([`Moment`]): a clock that was set makes no notices, and
//! keeps none back. Only dates of others, of certificates and of versions of the primary, are compared with the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher as _;

use model::date::Timestamp;
use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};

use super::class::FailureClass;
use super::moment::Moment;

/// The most items of a notice; of further ones only the number is told.
pub const MAX_ITEMS: usize = 100;

/// What a notice is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeClass {
    /// It answers at none of its URLs.
    Down,
    /// It is not visited as before and not listed, because it was down for too long.
    Disabled,
    /// It is neither down nor disabled any more.
    Recovered,
    /// A certificate expires soon.
    Certificate,
    /// A repository has not the current content.
    Behind,
}

impl NoticeClass {
    /// Whether it is one that a mirror recovers from.
    fn is_trouble(self) -> bool {
        matches!(self, Self::Down | Self::Disabled)
    }

    /// The word for it, as it is written.
    fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Disabled => "disabled",
            Self::Recovered => "recovered",
            Self::Certificate => "certificate",
            Self::Behind => "behind",
        }
    }
}

/// Something that is the case with a mirror now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    /// It answers at none of its URLs.
    Down {
        /// Since when.
        since: Moment,
        /// Whether something of it has worked when it was tried last: it may be up again.
        is_returning: bool,
        /// Why.
        class: FailureClass,
        /// What was seen, on one line; may be empty.
        detail: String,
    },
    /// It was disabled by us.
    Disabled {
        /// Since when.
        since: Moment,
    },
    /// A URL has a certificate.
    Certificate {
        /// The base URL.
        url: String,
        /// When it expires, in seconds since 1970.
        expires: u64,
    },
    /// A repository is behind the primary.
    Behind {
        /// Its directory.
        repository: String,
        /// Since when the primary has another version, in seconds since 1970.
        since: u64,
        /// When its version was seen last, in seconds since 1970.
        checked: u64,
    },
}

/// When something is told. All times are in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// How long a mirror is down before.
    pub down: u64,
    /// How long a repository is behind before.
    pub behind: u64,
    /// How long before a certificate expires.
    pub certificate: u64,
    /// How long nothing of the same class is told.
    pub pause: u64,
}

impl Default for Rules {
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Self { down: 3_600, behind: 2 * DAY, certificate: 14 * DAY, pause: DAY }
    }
}

/// What was told about a mirror.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// When the last notice of a class was told, in credited time.
    last: BTreeMap<NoticeClass, u64>,
    /// What was told and is still so: hashes of what it is about.
    open: BTreeMap<NoticeClass, BTreeSet<u64>>,
    /// Whether it was told that the mirror is down or disabled, and not yet that it has recovered.
    is_in_trouble: bool,
    /// Whether a webhook has taken that.
    is_trouble_taken: bool,
    /// Since when some repository is behind, in credited time; `None` if none is.
    behind_since: Option<u64>,
}

impl Told {
    /// Whether the last notice of a class was long enough ago.
    fn may_tell(&self, class: NoticeClass, now: Moment, rules: &Rules) -> bool {
        let last = self.last.get(&class);
        last.is_none_or(|last| now.credited >= last.saturating_add(rules.pause))
    }

    /// Nobody has got the notice of a class.
    fn forget(&mut self, class: NoticeClass) {
        self.open.remove(&class);
        self.last.remove(&class);
        let is_told = self.open.keys().any(|class| class.is_trouble());
        self.is_in_trouble &= self.is_trouble_taken || is_told;
    }
}

/// What is to be told of a mirror, and what was. It is kept with the mirror, so that nothing is lost and nothing is
/// told twice but what a crash has cut off.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbox {
    told: Told,
    /// Notices that nobody has taken yet: at most one of each class, the latest.
    open: Vec<Notice>,
}

impl Outbox {
    /// Adds the notices that are due.
    pub fn update(&mut self, mirror: &str, conditions: &[Condition], now: Moment, rules: &Rules) {
        for notice in due(mirror, conditions, &mut self.told, now, rules) {
            self.open.retain(|open| open.notice != notice.notice);
            self.open.push(notice);
        }
    }

    /// The notices that nobody has taken yet.
    pub fn open(&self) -> &[Notice] {
        &self.open
    }

    /// Removes a notice that was taken.
    pub fn delivered(&mut self, id: &str) {
        if let Some(notice) = self.remove(id) {
            let is_trouble = notice.notice.is_trouble() && self.told.is_in_trouble;
            self.told.is_trouble_taken |= is_trouble;
        }
    }

    /// Removes a notice that nobody has taken. What it is about was told to nobody, so it is told again if it is still
    /// so.
    pub fn dropped(&mut self, id: &str) {
        if let Some(notice) = self.remove(id) {
            self.told.forget(notice.notice);
        }
    }

    fn remove(&mut self, id: &str) -> Option<Notice> {
        let at = self.open.iter().position(|open| open.id == id)?;
        Some(self.open.remove(at))
    }

    /// Whether there is nothing to be written.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The body of a webhook.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// What makes it one: a notice that comes twice has the same.
    pub id: String,
    /// The version of this form: 1. Fields may be added to it.
    pub version: u32,
    /// What it is about.
    pub notice: NoticeClass,
    /// The key of the mirror.
    pub mirror: String,
    /// When it was made, in seconds since 1970.
    pub at: u64,
    /// All of it in a sentence.
    pub text: String,
    /// What it is about in detail, the earliest first; at most [`MAX_ITEMS`].
    pub items: Vec<Item>,
    /// How many further items there are.
    pub more: usize,
}

/// A part of a notice.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Since when it is so, or when it will be, in seconds since 1970.
    pub time: u64,
    /// The URL or the repository that it is about; empty for the mirror.
    pub subject: String,
    /// What is the case.
    pub text: String,
}

/// The notices that are due, given all that is the case with a mirror now.
pub fn due(
    mirror: &str,
    conditions: &[Condition],
    told: &mut Told,
    now: Moment,
    rules: &Rules,
) -> Vec<Notice> {
    let is_behind =
        conditions.iter().any(|condition| matches!(condition, Condition::Behind { .. }));
    told.behind_since =
        is_behind.then(|| told.behind_since.map_or(now.credited, |since| since.min(now.credited)));
    let mut lasting: BTreeMap<NoticeClass, Vec<Item>> = BTreeMap::new();
    for condition in conditions {
        if let Some((class, item)) = condition.find_lasting(now, told, rules) {
            lasting.entry(class).or_default().push(item);
        }
    }
    // What is over can be told again when it comes back.
    let is_down = conditions.iter().any(|condition| matches!(condition, Condition::Down { .. }));
    told.open
        .retain(|class, _| lasting.contains_key(class) || (*class == NoticeClass::Down && is_down));
    let mut notices = Vec::new();
    for (class, mut items) in lasting {
        let now_open: BTreeSet<u64> = items.iter().map(|item| item.hash(class, now)).collect();
        items.sort_unstable();
        let more = items.len().saturating_sub(MAX_ITEMS);
        items.truncate(MAX_ITEMS);
        let may_tell = told.may_tell(class, now, rules);
        let open = told.open.entry(class).or_default();
        if now_open.is_subset(open) || !may_tell {
            open.retain(|item| now_open.contains(item));
            continue;
        }
        *open = now_open;
        told.last.insert(class, now.credited);
        told.is_in_trouble |= class.is_trouble();
        notices.push(Notice::new(class, mirror, now.clock, items, more));
    }
    let is_trouble = |condition: &Condition| {
        matches!(condition, Condition::Down { .. } | Condition::Disabled { .. })
    };
    let may_tell = told.may_tell(NoticeClass::Recovered, now, rules);
    if told.is_in_trouble && may_tell && !conditions.iter().any(is_trouble) {
        told.is_in_trouble = false;
        told.is_trouble_taken = false;
        told.last.insert(NoticeClass::Recovered, now.credited);
        notices.push(Notice::new(NoticeClass::Recovered, mirror, now.clock, Vec::new(), 0));
    }
    notices
}

impl Condition {
    /// What is to be told of it, if it has lasted long enough.
    fn find_lasting(&self, now: Moment, told: &Told, rules: &Rules) -> Option<(NoticeClass, Item)> {
        let has_lasted = |since: u64, long: u64| now.credited >= since.saturating_add(long);
        let item = |time: u64, subject: &str, text: String| Item {
            time,
            subject: subject.to_owned(),
            text,
        };
        let (is_due, class, item) = match self {
            Self::Down { since, is_returning, class, detail } => {
                let text = match &**detail {
                    "" => class.to_string(),
                    detail => format!("{class}: {detail}"),
                };
                let is_due = !is_returning && has_lasted(since.credited, rules.down);
                (is_due, NoticeClass::Down, item(since.clock, "", text))
            }
            Self::Disabled { since } => {
                let text = "it was down for too long".to_owned();
                (true, NoticeClass::Disabled, item(since.clock, "", text))
            }
            Self::Certificate { url, expires } => {
                let is_due = now.clock.saturating_add(rules.certificate) >= *expires;
                let verb = if now.clock >= *expires { "has expired" } else { "expires" };
                let text = format!("the certificate {verb} at {}", time(*expires));
                (is_due, NoticeClass::Certificate, item(*expires, url, text))
            }
            Self::Behind { repository, since, checked } => {
                // It was seen to be so: what nobody has looked at since may be current.
                let is_seen = *checked >= since.saturating_add(rules.behind);
                let begin = told.behind_since.unwrap_or(now.credited);
                let is_due = is_seen && has_lasted(begin, rules.behind);
                let text = format!("it is behind since {}", time(*since));
                (is_due, NoticeClass::Behind, item(*since, repository, text))
            }
        };
        is_due.then_some((class, item))
    }
}

impl Item {
    /// What makes it the same as one that was told. Where several machines stand behind a name, each has a certificate
    /// of its own: of one only counts whether it has expired.
    fn hash(&self, class: NoticeClass, now: Moment) -> u64 {
        let mut hasher = FxHasher::default();
        hasher.write(self.subject.as_bytes());
        hasher.write_u64(match class {
            NoticeClass::Certificate => u64::from(now.clock >= self.time),
            _ => self.time,
        });
        hasher.finish()
    }
}

impl Notice {
    fn new(notice: NoticeClass, mirror: &str, at: u64, items: Vec<Item>, more: usize) -> Self {
        let n = items.len().saturating_add(more);
        let (since, subject, first) = match items.first() {
            Some(item) => (time(item.time), &*item.subject, &*item.text),
            None => (time(at), "", ""),
        };
        let text = match notice {
            NoticeClass::Down => format!("{mirror} is down since {since}: {first}"),
            NoticeClass::Disabled => {
                format!("{mirror} is disabled since {since}, and visited once a day: {first}")
            }
            NoticeClass::Recovered => format!("{mirror} has recovered"),
            NoticeClass::Certificate | NoticeClass::Behind if n == 1 => {
                format!("{mirror}: {subject}: {first}")
            }
            NoticeClass::Certificate => {
                format!("{mirror}: {n} certificates expire, the first one at {since}")
            }
            NoticeClass::Behind => {
                format!("{mirror}: {n} repositories are behind, the first one since {since}")
            }
        };
        let id = format!("{mirror}-{}-{at}", notice.word());
        Self { id, version: 1, notice, mirror: mirror.to_owned(), at, text, items, more }
    }

    /// The body of the request.
    pub fn to_json(&self) -> String {
        // Texts and numbers always have a form in JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A time for people; the year is bounded so that it has four digits.
fn time(seconds: u64) -> Timestamp {
    Timestamp { seconds: seconds.min(253_402_300_799) }
}

#[cfg(test)]
mod tests;
