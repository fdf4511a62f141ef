//! The words and sentences of reports.

use answer::Format;
use answer::explain::ExplainedOrder;
use answer::trace::{Cut, FoundVia, Moved, Reason};

use super::report::{RulesReport, TierReport};
use model::date::Timestamp;
use snapshot::checked::FaultView;

/// A format.
pub(crate) fn format(format: Format, is_redirect: bool) -> &'static str {
    match format {
        _ if is_redirect => "redirect",
        Format::Mirrorlist => "mirrorlist",
        Format::Metalink => "metalink",
        Format::Metalink4 => "metalink4",
        Format::Json => "json",
        Format::Apt => "apt",
        Format::Pacman => "pacman",
        Format::Urpmi => "urpmi",
        Format::Isolist => "isolist",
    }
}

/// An order of mirrors.
pub(crate) fn order(order: ExplainedOrder) -> &'static str {
    match order {
        ExplainedOrder::Tiers => "tiers",
        ExplainedOrder::Nearest => "nearest",
        ExplainedOrder::Random => "random",
        ExplainedOrder::Fixed => "fixed",
    }
}

/// What brought a mirror into a tier.
pub(crate) fn via(via: FoundVia) -> String {
    match via {
        FoundVia::Netblock(prefix) => prefix.to_string(),
        FoundVia::Asn(asn) => format!("AS{asn}"),
        FoundVia::Country(country) => country.to_string(),
        FoundVia::Continent(continent) => continent.to_string(),
        FoundVia::Distance((from, to)) => format!("{from} to {to} km"),
        FoundVia::Global => "world".to_owned(),
    }
}

/// What is common to the mirrors of a tier, to be read after "found" or as a title: `in other countries, 600 to
/// 900 km away`. Distances of zero are those of centres of countries, so they are not told.
pub fn tier_title(tier: &TierReport) -> String {
    let by = tier.by.join(", ");
    let km = match tier.km {
        Some((0, 0)) | None => String::new(),
        Some((from, to)) if from == to => format!(", {from} km away"),
        Some((from, to)) => format!(", {from} to {to} km away"),
    };
    match tier.tier.as_str() {
        "netblock" => format!("in the network {by} of a mirror"),
        "asn" => format!("in the system {by}"),
        "country" => format!("in what was asked for: {by}"),
        "geoip" if tier.km.is_some() => format!("in the client's country{km}"),
        "geoip" => format!("in the client's country: {by}"),
        "nearest" => format!("in other countries{km}"),
        "continent" => format!("on the client's continent: {by}"),
        _ => "in the whole world".to_owned(),
    }
}

/// Why a mirror was not selected: a word that does not change, and a sentence about `it`.
pub(crate) fn reason(
    reason: Reason,
    country: Option<&str>,
    rules: &RulesReport,
) -> (&'static str, String) {
    let own = country.unwrap_or("a country that is not known");
    match reason {
        Reason::IsFallback => (
            "fallback",
            "it is the server of the fallback, which is listed last in any case".into(),
        ),
        Reason::NotCarried => ("not_carried", "it does not carry the directory".into()),
        Reason::NoProtocol => {
            let protocols = rules.protocols.join(", ");
            ("no_protocol", format!("it has no URL of a protocol that counts here ({protocols})"))
        }
        Reason::Excluded => ("excluded", "exclude= in the request names its host".into()),
        Reason::ExcludedCountry => {
            ("excluded_country", "not_country= in the request names its country".into())
        }
        Reason::IpVersion => (
            "ip_version",
            "it is known not to work over the version of IP that the request asks for".into(),
        ),
        Reason::Private => (
            "private",
            "it is private, and no network of its own that counts contains the client".into(),
        ),
        Reason::Rests => ("rests", "it rests: its load is set to 0".into()),
        Reason::RefusesCountry if rules.order == "fixed" => (
            "refuses_country",
            "it does not serve every country, and the list is the same for all clients".into(),
        ),
        Reason::RefusesCountry => {
            ("refuses_country", format!("it does not serve clients in {own}"))
        }
        Reason::OtherCountry => (
            "other_country",
            match &rules.countries {
                Some(asked) => format!("only mirrors of {} are listed", asked.join(", ")),
                None => format!("only mirrors of {own} are listed"),
            },
        ),
        Reason::Monopoly => {
            ("monopoly", "a mirror of the client's network is set to be listed there alone".into())
        }
        Reason::NotReached => (
            "not_reached",
            match &rules.countries {
                Some(asked) if asked.iter().all(|country| country != "global") => {
                    format!("mirrors of {} were asked for", asked.join(", "))
                }
                _ => "there were enough mirrors before it".into(),
            },
        ),
    }
}

/// What checks have found to be wrong with a mirror: `down: connect_timeout, since 2026-11-21T11:01:29Z`.
pub(crate) fn fault(fault: FaultView<'_>) -> String {
    format!("{}, since {}", fault.reason, Timestamp { seconds: fault.since })
}

/// Why a mirror is not selected that checks leave out: a word that does not change, and a sentence.
pub(crate) fn left_out(found: FaultView<'_>) -> (&'static str, String) {
    ("left_out", format!("checks leave it out: {}", fault(found)))
}

/// Why a selected mirror is not listed: a word that does not change, and a sentence about `it`.
pub(crate) fn cut(cut: Cut, rules: &RulesReport) -> (&'static str, String) {
    match cut {
        Cut::RepeatedUrls => {
            ("repeated_urls", "mirrors before it have all of its URLs in the list".into())
        }
        Cut::BeyondMax => (
            "beyond_max",
            match rules.max_mirrors {
                Some(max) => format!("the list is full: {max} mirrors at most"),
                None => "the list is full".into(),
            },
        ),
        Cut::NotLinked => (
            "not_linked",
            format!(
                "the redirect does not name it: the header Link has at most {} URLs of limited length, \
                 and none that is not http or https or leads back to the server that was asked",
                rules.redirect_links.unwrap_or(0)
            ),
        ),
    }
}

/// Why a mirror was moved forward: a word that does not change, and a sentence about `it`. `None` stands for
/// the networks of the first mirrors.
pub(crate) fn moved(moved: Option<Moved>) -> (&'static str, &'static str) {
    match moved {
        None => ("spread", "the first four are to be of different networks, and offer https"),
        Some(Moved::MaxShare) => {
            ("max_share", "the share of first places of a mirror before it is limited")
        }
        Some(Moved::IpVersion) => (
            "ip_version",
            "mirrors before it are not known to work over the client's version of IP",
        ),
        Some(Moved::Position) => {
            ("redirect_retry", "the first mirror of redirects changes with client, file and time")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_says_what_its_mirrors_have_in_common() {
        for (tier, by, km, title) in [
            ("netblock", "192.0.2.0/24", None, "in the network 192.0.2.0/24 of a mirror"),
            ("country", "DE", None, "in what was asked for: DE"),
            ("geoip", "DE", None, "in the client's country: DE"),
            ("geoip", "", Some((0, 0)), "in the client's country"),
            ("nearest", "", Some((841, 841)), "in other countries, 841 km away"),
            ("nearest", "", Some((0, 841)), "in other countries, 0 to 841 km away"),
        ] {
            let by = if by.is_empty() { Vec::new() } else { vec![by.to_owned()] };
            let report = TierReport { tier: tier.into(), by, km, mirrors: Vec::new() };
            assert_eq!(tier_title(&report), title);
        }
    }
}
