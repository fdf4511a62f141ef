//! The report for a terminal: at most [`WIDTH`] columns, without colours.

use std::collections::BTreeMap;
use std::fmt::Write;

use model::country_name;
use model::geo::Country;

use super::audience::Audience;
use super::page::Page;
use super::reading::Reading;
use super::report::{ExcludedReport, MirrorReport, MovedReport, NetworkReport, Report, UrlReport};
use super::wording::tier_title;

/// The most columns of a line.
pub const WIDTH: usize = 100;

/// Shows a report.
pub fn render(report: &Report) -> String {
    let mut page = Page::new(WIDTH);
    request(report, &mut page);
    client(report, &mut page);
    tiers(report, &mut page);
    excluded(report, &mut page);
    shaping(report, &mut page);
    urls(report, &mut page);
    if let Some(reading) = &report.reading {
        reading_of(reading, report, &mut page);
    }
    page.into_text()
}

fn request(report: &Report, page: &mut Page) {
    let (request, target, rules) = (&report.request, &report.target, &report.rules);
    page.title("Request");
    let query = match request.query.is_empty() {
        true => String::new(),
        false => format!("?{}", request.query),
    };
    page.item("request", &format!("{}{query}", request.path));
    if let Some(host) = &request.host {
        page.item("host", host);
    }
    if let Some(route) = &target.route {
        page.item("route", route);
    }
    let mut asked = Vec::new();
    let named = [
        ("repository", &target.repo),
        ("architecture", &target.arch),
        ("category", &target.category),
        ("path", &target.path),
    ];
    for (name, value) in named {
        asked.extend(value.as_ref().map(|value| format!("{name} {value}")));
    }
    if !asked.is_empty() {
        page.item("asks for", &asked.join(", "));
    }
    if let Some(directory) = &target.directory {
        page.item("directory", directory);
    }
    if let Some(file) = &target.file {
        page.item("file", file);
    }
    page.item("format", &target.format);
    page.item("order", order(&rules.order));
    if let Some(countries) = &rules.countries {
        page.item("countries", &countries.join(", "));
    }
    for (name, items) in
        [("exclude", &rules.excluded_servers), ("not_country", &rules.excluded_countries)]
    {
        if !items.is_empty() {
            page.item(name, &items.join(", "));
        }
    }
    if let Some(version) = rules.ip_version {
        page.item("ip_version", &version.to_string());
    } else if let Some(version) = rules.first_over_ip {
        page.item("first", &format!("works over IPv{version}, where that is known"));
    }
    if !rules.protocols.is_empty() {
        page.item("protocols", &rules.protocols.join(", "));
    }
    page.item("data", &format!("generation {}, made {}", report.generation, report.created));
    page.item("draw", &format!("seed {}; other seeds give other orders", request.seed));
    if rules.first_changes {
        page.item("redirects", "the first mirror changes with client, file and time");
    }
}

fn order(order: &str) -> &'static str {
    match order {
        "tiers" => "tiers: network, country, continent, world",
        "nearest" => "nearest: network, then bands of distance",
        "random" => "random: by chance, weighted by bandwidth",
        _ => "fixed: the same for all clients",
    }
}

fn client(report: &Report, page: &mut Page) {
    let client = &report.client;
    page.title("Client");
    page.item("address", &client.ip);
    if let Some(embedded) = &client.embedded_ipv4 {
        page.item("within it", &format!("{embedded}, which is looked up after it"));
    }
    let mut place = match &client.country {
        Some(code) => match Country::parse(code).and_then(country_name::usual) {
            Some(name) => format!("{code} ({name})"),
            None => code.clone(),
        },
        None => "country not known".to_owned(),
    };
    if let Some(continent) = &client.continent {
        let _ = write!(place, ", continent {continent}");
    }
    if let Some(point) = client.point {
        let _ = write!(place, ", at {} {}", point.lat, point.lon);
    }
    page.item("place", &place);
    page.item("by", &network(client.located_by.as_ref()));
    let system = match (client.asn, &client.asn_by) {
        (Some(asn), by) => format!("AS{asn}, by {}", network(by.as_ref())),
        (None, _) => "none that hosts a mirror".to_owned(),
    };
    page.item("system", &system);
    for netblock in &client.netblocks {
        let mirrors = netblock.mirrors.join(", ");
        page.item("network", &format!("{} of {mirrors}", netblock.prefix));
    }
    if client.netblocks.is_empty() {
        page.item("network", "of no mirror");
    }
}

fn network(found: Option<&NetworkReport>) -> String {
    let Some(found) = found else { return "no network in the tables has it".to_owned() };
    let embedded = if found.by_embedded_ipv4 { ", by the IPv4 address within" } else { "" };
    format!("{} ({}{embedded})", found.prefix, found.table)
}

fn tiers(report: &Report, page: &mut Page) {
    page.title("Mirrors, in the order in which they were taken");
    if report.tiers.is_empty() {
        page.paragraph(match report.target.directory {
            Some(_) => "No mirror was taken.",
            None => "The route names its URLs: no mirrors were chosen.",
        });
        return;
    }
    page.paragraph(
        "first: the probability to be the first of the list, over all draws. weight: bandwidth in \
         Mbit/s, less what the load leaves. drawn, listed: the place before and after the list was shaped.",
    );
    page.line(&header());
    for tier in &report.tiers {
        page.line(&format!("{}:", tier_title(tier)));
        let (listed, cut): (Vec<_>, Vec<_>) =
            tier.mirrors.iter().partition(|mirror| mirror.place.is_some());
        for mirror in listed {
            page.hanging(&row(mirror), NAME_AT);
        }
        not_listed(&cut, page);
    }
}

/// The mirrors of a tier that this draw does not list. Those that another draw can make the first come with
/// their chances, so that the column of these adds up to 100 %.
fn not_listed(cut: &[&MirrorReport], page: &mut Page) {
    let (drawable, others): (Vec<&MirrorReport>, Vec<&MirrorReport>) =
        cut.iter().partition(|mirror| mirror.first_percent > 0.0);
    if !drawable.is_empty() {
        let sum: f64 = drawable.iter().map(|mirror| mirror.first_percent).sum();
        let mirrors = drawable.iter().map(|mirror| {
            let MirrorReport { mirror, first_percent, .. } = mirror;
            format!("{mirror} {first_percent:.2} %")
        });
        let mirrors: Vec<_> = mirrors.collect();
        let title = format!("not listed in this draw ({}), first in {sum:.2} %", mirrors.len());
        page.indented(2, &format!("{title}: {}", mirrors.join(", ")));
    }
    if !others.is_empty() {
        let mirrors: Vec<_> = others.iter().map(|mirror| mirror.mirror.as_str()).collect();
        page.indented(2, &format!("not listed ({}): {}", mirrors.len(), mirrors.join(", ")));
    }
}

/// The column in which the names of mirrors begin.
const NAME_AT: usize = 51;

fn header() -> String {
    format!(
        "  {:>8} {:>10} {:>6} {:>6} {:>7} {:>5}  {}",
        "first", "weight", "drawn", "listed", "country", "km", "mirror"
    )
}

fn row(mirror: &MirrorReport) -> String {
    let place = mirror.place.map_or(String::new(), |place| place.to_string());
    let km = mirror.km.map_or("?".to_owned(), |km| km.to_string());
    let mut name = mirror.mirror.clone();
    let server = mirror.server.as_deref().filter(|server| *server != mirror.mirror);
    if let Some(server) = server {
        let _ = write!(name, " ({server})");
    }
    if mirror.private {
        name.push_str(", private");
    }
    if mirror.load_percent != 100 {
        let _ = write!(name, ", load {} %", mirror.load_percent);
    }
    if mirror.max_share_percent != 100 {
        let _ = write!(name, ", max_share {} %", mirror.max_share_percent);
    }
    if let Some(behind) = mirror.behind_note() {
        let _ = write!(name, ", {behind}");
    }
    let weight = f64::from(mirror.bandwidth_mbit) * f64::from(mirror.load_percent) / 100.0;
    let first = match mirror.first_percent {
        0.0 => "-".to_owned(),
        percent => format!("{percent:.2} %"),
    };
    format!(
        "  {first:>8} {:>10} {:>6} {:>6} {:>7} {:>5}  {name}",
        weight,
        mirror.drawn,
        place,
        mirror.country.as_deref().unwrap_or("?"),
        km,
    )
}

/// Mirrors by rule and sentence, in the order of their first ones.
fn by_rule(excluded: &[ExcludedReport]) -> Vec<(&str, &str, Vec<&str>)> {
    let mut groups: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    let mut known: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for ExcludedReport { mirror, rule, detail } in excluded {
        let at = *known.entry((rule, detail)).or_insert_with(|| {
            groups.push((rule, detail, Vec::new()));
            groups.len() - 1
        });
        if let Some((_, _, mirrors)) = groups.get_mut(at) {
            mirrors.push(mirror);
        }
    }
    groups
}

fn excluded(report: &Report, page: &mut Page) {
    if report.excluded.is_empty() {
        return;
    }
    page.title("Mirrors that were not taken");
    for (rule, detail, mirrors) in by_rule(&report.excluded) {
        page.hanging(&format!("{rule}: {detail}"), 2);
        page.indented(4, &mirrors.join(", "));
    }
    if report.audience == Audience::Public {
        page.paragraph("Mirrors that only their own networks may use are not shown.");
    }
}

fn shaping(report: &Report, page: &mut Page) {
    let (rules, shaping) = (&report.rules, &report.shaping);
    page.title("What became of them");
    match rules.max_mirrors {
        Some(max) => {
            let n_cut = shaping.cut.iter().filter(|cut| cut.rule != "not_linked").count();
            page.item("mirrors", &format!("at most {max}; {n_cut} cut"));
        }
        None => page.item("mirrors", "no limit"),
    }
    if let Some(max) = rules.redirect_links {
        page.item("links", &format!("at most {max} URLs beside that to which the redirect leads"));
    }
    match rules.urls_per_mirror {
        Some(max) => page.item("URLs", &format!("at most {max} of a mirror")),
        None => page.item("URLs", "all of a mirror"),
    }
    for moved in &shaping.moved {
        let MovedReport { mirror, rule, detail, from, to } = moved;
        page.item("moved", &format!("{mirror} from {from} to {to} ({rule}): {detail}"));
    }
    if rules.spread && shaping.moved.is_empty() {
        page.item("moved", "none: the first four are of different networks as far as they can be");
    }
    for repeated in &shaping.repeated_urls {
        page.item("repeated", &format!("{} of {}", repeated.url, repeated.mirror));
    }
    page.item("last", rules.fallback.as_deref().unwrap_or("no fallback is set"));
}

fn urls(report: &Report, page: &mut Page) {
    let any =
        |rank: fn(&UrlReport) -> Option<u64>| report.urls.iter().any(|url| rank(url).is_some());
    page.title(match () {
        () if report.target.format == "redirect" => {
            "The answer: a redirect to the first, the others in the header Link"
        }
        () if any(|url| url.preference) => "The answer: number, preference, URL, mirror",
        () if any(|url| url.priority) => "The answer: number, priority, URL, mirror",
        () => "The answer: number, URL, mirror",
    });
    if report.urls.is_empty() {
        page.paragraph("The list is empty.");
    }
    for (number, url) in (1..).zip(&report.urls) {
        let mirror = url.mirror.as_deref().unwrap_or(&url.tier);
        let rank = url.preference.or(url.priority).map(|rank| format!("{rank:>3}  "));
        let rank = rank.unwrap_or_default();
        page.hanging(&format!("  {number:>3}  {rank}{}  ({mirror})", url.url), 7 + rank.len());
    }
}

fn reading_of(reading: &Reading, report: &Report, page: &mut Page) {
    let name = reading.client.as_str();
    page.title(&format!("What {name} does with it"));
    let number = |url: &String| {
        let place = report.urls.iter().position(|known| known.url == *url);
        place.map_or("?".to_owned(), |place| (place + 1).to_string())
    };
    let numbers = |urls: &[String]| urls.iter().map(number).collect::<Vec<_>>().join(", ");
    let steps = reading.tries.iter().map(|step| match &step[..] {
        [url] => number(url),
        step => format!("one of ({}) by chance", numbers(step)),
    });
    let steps: Vec<_> = steps.collect();
    if !steps.is_empty() {
        page.item("tries", &steps.join(", then "));
    }
    if let Some(order) = &reading.after_timeout {
        page.item("time-out", &format!("{} if the first one stalls", numbers(order)));
    }
    let mut skipped: Vec<(&str, Vec<String>)> = Vec::new();
    for url in &reading.skipped {
        match skipped.iter_mut().find(|(reason, _)| *reason == url.reason) {
            Some((_, urls)) => urls.push(number(&url.url)),
            None => skipped.push((&url.reason, vec![number(&url.url)])),
        }
    }
    for (reason, urls) in skipped {
        page.item("skips", &format!("{}: {reason}", urls.join(", ")));
    }
    for note in &reading.notes {
        page.item("note", note);
    }
}
