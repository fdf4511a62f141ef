//! What the owner of a mirror is told by a webhook, and when.
//!
//! A notice is due when something that its owner should know has lasted long enough ([`Rules`]) and was not
//! told yet, and at most once a day for each class: a mirror that flaps makes no more than two notices a day,
//! one of each kind. What is held back by that is told a day later, if it is still so.
//!
//! [`due`] decides from what is the case now and from what was told ([`Told`], which is kept with the mirror).
//! It counts a notice as told: whether a webhook has taken it is up to who sends it, and a webhook that fails
//! for ever must not pile up notices.

use std::collections::{BTreeMap, BTreeSet};

use model::date::Timestamp;
use serde::{Deserialize, Serialize};

use super::class::FailureClass;

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

/// Something that is the case with a mirror now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    /// It answers at none of its URLs.
    Down {
        /// Since when, in seconds since 1970.
        since: u64,
        /// Why.
        class: FailureClass,
        /// What was seen, on one line; may be empty.
        detail: String,
    },
    /// It was disabled by us.
    Disabled {
        /// Since when, in seconds since 1970.
        since: u64,
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
    /// When the last notice of a class was told, in seconds since 1970.
    last: BTreeMap<NoticeClass, u64>,
    /// What was told and is still so: what it is about, and its time.
    open: BTreeMap<NoticeClass, BTreeSet<(String, u64)>>,
    /// Whether it was told that the mirror is down or disabled, and not yet that it has recovered.
    is_in_trouble: bool,
}

/// The body of a webhook.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Notice {
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
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
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
    now: u64,
    rules: &Rules,
) -> Vec<Notice> {
    let mut lasting: BTreeMap<NoticeClass, Vec<Item>> = BTreeMap::new();
    for condition in conditions {
        if let Some((class, item)) = condition.find_lasting(now, rules) {
            lasting.entry(class).or_default().push(item);
        }
    }
    // What is over can be told again when it comes back.
    told.open.retain(|class, _| lasting.contains_key(class));
    let mut notices = Vec::new();
    for (class, mut items) in lasting {
        items.sort_unstable();
        let more = items.len().saturating_sub(MAX_ITEMS);
        items.truncate(MAX_ITEMS);
        let now_open: BTreeSet<_> =
            items.iter().map(|item| (item.subject.clone(), item.time)).collect();
        let open = told.open.entry(class).or_default();
        let is_known = now_open.is_subset(open);
        if is_known
            || told.last.get(&class).is_some_and(|last| now < last.saturating_add(rules.pause))
        {
            open.retain(|item| now_open.contains(item));
            continue;
        }
        *open = now_open;
        told.last.insert(class, now);
        told.is_in_trouble |= matches!(class, NoticeClass::Down | NoticeClass::Disabled);
        notices.push(Notice::new(class, mirror, now, items, more));
    }
    let is_trouble = |condition: &Condition| {
        matches!(condition, Condition::Down { .. } | Condition::Disabled { .. })
    };
    let may_tell = told
        .last
        .get(&NoticeClass::Recovered)
        .is_none_or(|last| now >= last.saturating_add(rules.pause));
    if told.is_in_trouble && may_tell && !conditions.iter().any(is_trouble) {
        told.is_in_trouble = false;
        told.last.insert(NoticeClass::Recovered, now);
        notices.push(Notice::new(NoticeClass::Recovered, mirror, now, Vec::new(), 0));
    }
    notices
}

impl Condition {
    /// What is to be told of it, if it has lasted long enough.
    fn find_lasting(&self, now: u64, rules: &Rules) -> Option<(NoticeClass, Item)> {
        let item = |time: u64, subject: &str, text: String| Item {
            time,
            subject: subject.to_owned(),
            text,
        };
        let (is_due, class, item) = match self {
            Self::Down { since, class, detail } => {
                let text = match &**detail {
                    "" => class.to_string(),
                    detail => format!("{class}: {detail}"),
                };
                let is_due = now >= since.saturating_add(rules.down);
                (is_due, NoticeClass::Down, item(*since, "", text))
            }
            Self::Disabled { since } => {
                let text = "it was down for too long".to_owned();
                (true, NoticeClass::Disabled, item(*since, "", text))
            }
            Self::Certificate { url, expires } => {
                let is_due = now.saturating_add(rules.certificate) >= *expires;
                let verb = if now >= *expires { "has expired" } else { "expires" };
                let text = format!("the certificate {verb} at {}", time(*expires));
                (is_due, NoticeClass::Certificate, item(*expires, url, text))
            }
            Self::Behind { repository, since } => {
                let is_due = now >= since.saturating_add(rules.behind);
                let text = format!("it is behind since {}", time(*since));
                (is_due, NoticeClass::Behind, item(*since, repository, text))
            }
        };
        is_due.then_some((class, item))
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
        Self { version: 1, notice, mirror: mirror.to_owned(), at, text, items, more }
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: u64 = 1_795_689_000;
    const HOUR: u64 = 3_600;
    const DAY: u64 = 24 * HOUR;

    fn down(since: u64) -> Condition {
        Condition::Down { since, class: FailureClass::ConnectRefused, detail: "refused".to_owned() }
    }

    fn behind(repository: &str, since: u64) -> Condition {
        Condition::Behind { repository: repository.to_owned(), since }
    }

    fn tell(conditions: &[Condition], told: &mut Told, now: u64) -> Vec<String> {
        let notices = due("berlin", conditions, told, now, &Rules::default());
        notices.into_iter().map(|notice| notice.text).collect()
    }

    #[test]
    fn an_outage_is_told_once_and_so_is_its_end() {
        let told = &mut Told::default();
        let is_down = [down(START)];
        assert_eq!(tell(&is_down, told, START + HOUR - 1), [""; 0]);
        let text = "berlin is down since 2026-11-26T10:30:00Z: connect_refused: refused";
        assert_eq!(tell(&is_down, told, START + HOUR), [text]);
        assert_eq!(tell(&is_down, told, START + 3 * DAY), [""; 0]);
        let disabled = [down(START), Condition::Disabled { since: START + 4 * DAY }];
        let text = "berlin is disabled since 2026-11-30T10:30:00Z, and visited once a day: it was down for too long";
        assert_eq!(tell(&disabled, told, START + 4 * DAY), [text]);
        assert_eq!(tell(&[], told, START + 5 * DAY), ["berlin has recovered"]);
        assert_eq!(tell(&[], told, START + 6 * DAY), [""; 0]);
    }

    #[test]
    fn a_short_outage_is_not_told_and_neither_is_its_end() {
        let told = &mut Told::default();
        assert_eq!(tell(&[down(START)], told, START + 600), [""; 0]);
        assert_eq!(tell(&[], told, START + 1_200), [""; 0]);
    }

    #[test]
    fn what_was_held_back_is_told_a_day_later_if_it_is_still_so() {
        let told = &mut Told::default();
        assert_eq!(tell(&[down(START)], told, START + HOUR).len(), 1);
        assert_eq!(tell(&[], told, START + 2 * HOUR).len(), 1, "recovered");
        let again = [down(START + 3 * HOUR)];
        assert_eq!(tell(&again, told, START + 5 * HOUR), [""; 0]);
        assert_eq!(tell(&again, told, START + DAY + HOUR).len(), 1);
        assert_eq!(tell(&[], told, START + DAY + HOUR + 1), [""; 0], "told 23 hours ago");
        assert_eq!(tell(&[], told, START + DAY + 2 * HOUR), ["berlin has recovered"]);
    }

    #[test]
    fn repositories_share_a_notice_and_a_new_one_makes_another() {
        let told = &mut Told::default();
        let two = [behind("b", START), behind("a", START - DAY), behind("c", START + DAY)];
        let text = "berlin: 2 repositories are behind, the first one since 2026-11-25T10:30:00Z";
        assert_eq!(tell(&two, told, START + 2 * DAY), [text]);
        assert_eq!(tell(&two[..2], told, START + 4 * DAY), [""; 0], "nothing new");
        assert_eq!(tell(&two, told, START + 4 * DAY).len(), 1, "`c` is new");
        assert_eq!(tell(&[], told, START + 5 * DAY), [""; 0], "no recovery");
        assert_eq!(
            tell(&two[..1], told, START + 6 * DAY).len(),
            1,
            "it was over and has come back"
        );
    }

    #[test]
    fn a_certificate_is_told_two_weeks_before_its_end() {
        let told = &mut Told::default();
        let expires =
            |expires| [Condition::Certificate { url: "https://a.example/".to_owned(), expires }];
        assert_eq!(tell(&expires(START + 14 * DAY), told, START - 1), [""; 0]);
        let notices = due("berlin", &expires(START + 14 * DAY), told, START, &Rules::default());
        let json = r#"{"version":1,"notice":"certificate","mirror":"berlin","at":1795689000,"text":"berlin: https://a.example/: the certificate expires at 2026-12-10T10:30:00Z","items":[{"time":1796898600,"subject":"https://a.example/","text":"the certificate expires at 2026-12-10T10:30:00Z"}],"more":0}"#;
        assert_eq!(notices[0].to_json(), json);
        assert_eq!(tell(&expires(START + 100 * DAY), told, START + 10 * DAY), [""; 0], "renewed");
    }

    #[test]
    fn long_lists_are_cut() {
        let many: Vec<_> = (0..250).map(|n| behind(&format!("r{n}"), START)).collect();
        let told = &mut Told::default();
        let notices = due("berlin", &many, told, START + 2 * DAY, &Rules::default());
        assert_eq!((notices[0].items.len(), notices[0].more), (100, 150));
        assert_eq!(tell(&many, told, START + 9 * DAY), [""; 0]);
        assert!(serde_json::to_string(told).unwrap().len() < 4_000);
    }

    proptest! {
        /// However a mirror flaps: a class at most once a day, and no recovery without trouble told before.
        #[test]
        fn no_class_is_told_twice_a_day(steps in proptest::collection::vec((0..30 * HOUR, 0..8_u8, 0..40 * HOUR), 1..60)) {
            let (mut told, mut now) = (Told::default(), START);
            let mut last: BTreeMap<NoticeClass, u64> = BTreeMap::new();
            let mut is_open = false;
            for (wait, what, age) in steps {
                now += wait;
                let mut conditions = Vec::new();
                if what & 1 != 0 { conditions.push(down(now - age)); }
                if what & 2 != 0 { conditions.push(behind("a", now - 2 * age)); }
                if what & 4 != 0 { conditions.push(Condition::Disabled { since: now - age }); }
                let saved = serde_json::to_string(&told).unwrap();
                told = serde_json::from_str(&saved).unwrap();
                for notice in due("m", &conditions, &mut told, now, &Rules::default()) {
                    let before = last.insert(notice.notice, now);
                    prop_assert!(before.is_none_or(|before| now - before >= DAY));
                    match notice.notice {
                        NoticeClass::Recovered => {
                            prop_assert!(is_open && what & 5 == 0);
                            is_open = false;
                        }
                        NoticeClass::Down | NoticeClass::Disabled => is_open = true,
                        _ => {}
                    }
                }
            }
        }
    }
}
