use proptest::prelude::*;

use super::*;

const START: u64 = 1_795_689_000;
const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// A clock that runs as credited time does.
fn at(clock: u64) -> Moment {
    Moment { clock, credited: clock + 100 * DAY - START }
}

fn down(since: u64) -> Condition {
    down_or_returning(since, false)
}

fn down_or_returning(since: u64, is_returning: bool) -> Condition {
    Condition::Down {
        since: at(since),
        is_returning,
        class: FailureClass::ConnectRefused,
        detail: "refused".to_owned(),
    }
}

/// Seen at any time.
fn behind(repository: &str, since: u64) -> Condition {
    Condition::Behind { repository: repository.to_owned(), since, checked: u64::MAX }
}

fn tell(conditions: &[Condition], told: &mut Told, now: u64) -> Vec<String> {
    tell_at(conditions, told, at(now))
}

fn tell_at(conditions: &[Condition], told: &mut Told, now: Moment) -> Vec<String> {
    let mut conditions = conditions.to_vec();
    for condition in &mut conditions {
        if let Condition::Behind { checked, .. } = condition {
            *checked = now.clock.min(*checked);
        }
    }
    let notices = due("berlin", &conditions, told, now, &Rules::default());
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
    let disabled = [down(START), Condition::Disabled { since: at(START + 4 * DAY) }];
    let text = "berlin is disabled since 2026-11-30T10:30:00Z, and visited once a day: it was down for too long";
    assert_eq!(tell(&disabled, told, START + 4 * DAY), [text]);
    assert_eq!(tell(&[], told, START + 5 * DAY), ["berlin has recovered"]);
    assert_eq!(tell(&[], told, START + 6 * DAY), [""; 0]);
}

#[test]
fn what_nobody_takes_is_kept_once_for_each_class() {
    let mut outbox = Outbox::default();
    let rules = Rules::default();
    let mut ids = |conditions: &[Condition], now| {
        outbox.update("berlin", conditions, at(now), &rules);
        outbox.open().iter().map(|notice| notice.id.clone()).collect::<Vec<_>>()
    };
    let first = format!("berlin-down-{}", START + HOUR);
    assert_eq!(ids(&[down(START)], START + HOUR), std::slice::from_ref(&first));
    assert_eq!(ids(&[down(START)], START + 2 * HOUR), std::slice::from_ref(&first));
    let recovered = format!("berlin-recovered-{}", START + 3 * HOUR);
    assert_eq!(ids(&[], START + 3 * HOUR), [first, recovered.clone()]);
    let again = START + 2 * DAY;
    let second = format!("berlin-down-{}", again + HOUR);
    assert_eq!(ids(&[down(again)], again + HOUR), [recovered.clone(), second.clone()]);
    let text = serde_json::to_string(&outbox).unwrap();
    assert_eq!(serde_json::from_str::<Outbox>(&text).unwrap(), outbox);
    outbox.delivered(&recovered);
    outbox.delivered("berlin-down-0");
    assert_eq!(outbox.open().len(), 1);
    outbox.delivered(&second);
    assert!(outbox.open().is_empty() && !outbox.is_empty(), "what was told is known");
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
    assert_eq!(tell(&two, told, START), [""; 0], "seen for the first time");
    assert_eq!(tell(&two, told, START + 2 * DAY), [text]);
    assert_eq!(tell(&two[..2], told, START + 4 * DAY), [""; 0], "nothing new");
    assert_eq!(tell(&two, told, START + 4 * DAY).len(), 1, "`c` is new");
    assert_eq!(tell(&[], told, START + 5 * DAY), [""; 0], "no recovery");
    assert_eq!(tell(&two[..1], told, START + 6 * DAY), [""; 0], "it has come back");
    assert_eq!(tell(&two[..1], told, START + 8 * DAY).len(), 1, "for two days");
}

#[test]
fn what_nobody_has_looked_at_since_is_not_told_to_be_behind() {
    let told = &mut Told::default();
    let seen = |checked| [Condition::Behind { repository: "a".to_owned(), since: START, checked }];
    assert_eq!(tell(&seen(START), told, START), [""; 0]);
    assert_eq!(tell(&seen(START + HOUR), told, START + 3 * DAY), [""; 0]);
    assert_eq!(tell(&seen(START + 2 * DAY), told, START + 3 * DAY).len(), 1);
}

#[test]
fn a_clock_that_was_set_makes_no_notices_and_keeps_none_back() {
    let told = &mut Told::default();
    let conditions = [down(START), behind("a", START)];
    let ahead = |credited: u64| Moment { clock: START + 300 * DAY, ..at(START + credited) };
    assert_eq!(tell_at(&conditions, told, ahead(HOUR - 1)), [""; 0]);
    assert_eq!(tell_at(&conditions, told, ahead(HOUR)).len(), 1);
    assert_eq!(tell_at(&[], told, ahead(HOUR + 1)).len(), 1, "recovered");
    let again = [down(START + DAY)];
    assert_eq!(tell(&again, told, START + DAY + HOUR).len(), 1, "the clock was set back");
}

#[test]
fn a_mirror_that_is_coming_back_is_neither_told_to_be_down_nor_to_have_recovered() {
    let told = &mut Told::default();
    let returning = [down_or_returning(START, true)];
    assert_eq!(tell(&returning, told, START + 2 * HOUR), [""; 0]);
    assert_eq!(tell(&[down(START)], told, START + 3 * HOUR).len(), 1);
    assert_eq!(tell(&returning, told, START + 3 * DAY), [""; 0]);
    assert_eq!(tell(&[down(START)], told, START + 4 * DAY), [""; 0], "still the same");
    assert_eq!(tell(&[], told, START + 5 * DAY), ["berlin has recovered"]);
}

#[test]
fn what_was_dropped_was_told_to_nobody() {
    let (mut outbox, rules) = (Outbox::default(), Rules::default());
    let ids = |outbox: &Outbox| -> Vec<String> {
        outbox.open().iter().map(|notice| notice.id.clone()).collect()
    };
    outbox.update("a", &[down(START)], at(START + HOUR), &rules);
    outbox.dropped(&format!("a-down-{}", START + HOUR));
    let mut over = outbox.clone();
    over.update("a", &[], at(START + 2 * HOUR), &rules);
    assert_eq!(ids(&over), [""; 0], "nobody knows that it was down");
    outbox.update("a", &[down(START)], at(START + 2 * HOUR), &rules);
    let again = format!("a-down-{}", START + 2 * HOUR);
    assert_eq!(ids(&outbox), std::slice::from_ref(&again), "it is still down");
    outbox.delivered(&again);
    let disabled = [down(START), Condition::Disabled { since: at(START + 3 * HOUR) }];
    outbox.update("a", &disabled, at(START + 3 * HOUR), &rules);
    outbox.dropped(&format!("a-disabled-{}", START + 3 * HOUR));
    outbox.update("a", &[], at(START + 4 * HOUR), &rules);
    assert_eq!(ids(&outbox), [format!("a-recovered-{}", START + 4 * HOUR)]);
}

#[test]
fn a_certificate_is_told_two_weeks_before_its_end() {
    let told = &mut Told::default();
    let expires =
        |expires| [Condition::Certificate { url: "https://a.example/".to_owned(), expires }];
    assert_eq!(tell(&expires(START + 14 * DAY), told, START - 1), [""; 0]);
    let notices = due("berlin", &expires(START + 14 * DAY), told, at(START), &Rules::default());
    let json = r#"{"id":"berlin-certificate-1795689000","version":1,"notice":"certificate","mirror":"berlin","at":1795689000,"text":"berlin: https://a.example/: the certificate expires at 2026-12-10T10:30:00Z","items":[{"time":1796898600,"subject":"https://a.example/","text":"the certificate expires at 2026-12-10T10:30:00Z"}],"more":0}"#;
    assert_eq!(notices[0].to_json(), json);
    let other = expires(START + 10 * DAY);
    assert_eq!(tell(&other, told, START + 2 * DAY), [""; 0], "of another machine of that name");
    assert_eq!(tell(&other, told, START + 10 * DAY).len(), 1, "it has expired");
    assert_eq!(tell(&expires(START + 100 * DAY), told, START + 10 * DAY), [""; 0], "renewed");
}

#[test]
fn long_lists_are_cut() {
    let many: Vec<_> = (0..250).map(|n| behind(&format!("r{n}"), START)).collect();
    let told = &mut Told::default();
    assert_eq!(tell(&many, told, START), [""; 0]);
    let notices = due("berlin", &many, told, at(START + 2 * DAY), &Rules::default());
    assert_eq!((notices[0].items.len(), notices[0].more), (100, 150));
    assert_eq!(tell(&many, told, START + 9 * DAY), [""; 0]);
    // Of those that are not named some come and go.
    assert_eq!(tell(&many[50..], told, START + 10 * DAY), [""; 0]);
    assert!(serde_json::to_string(told).unwrap().len() < 6_000);
}

proptest! {
    /// However a mirror flaps: a class at most once a day, and no recovery without trouble told before.
    #[test]
    fn no_class_is_told_twice_a_day(
        steps in proptest::collection::vec((0..30 * HOUR, 0..8_u8, 0..40 * HOUR, 0..90 * DAY), 1..60),
    ) {
        let (mut told, mut now) = (Told::default(), START);
        let mut last: BTreeMap<NoticeClass, u64> = BTreeMap::new();
        let mut is_open = false;
        for (wait, what, age, clock) in steps {
            now += wait;
            let mut conditions = Vec::new();
            if what & 1 != 0 { conditions.push(down(now - age)); }
            if what & 2 != 0 { conditions.push(behind("a", now - 2 * age)); }
            if what & 4 != 0 { conditions.push(Condition::Disabled { since: at(now - age) }); }
            let saved = serde_json::to_string(&told).unwrap();
            told = serde_json::from_str(&saved).unwrap();
            // The clock may be set at any time.
            let moment = Moment { clock: START + clock, ..at(now) };
            for notice in due("m", &conditions, &mut told, moment, &Rules::default()) {
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
