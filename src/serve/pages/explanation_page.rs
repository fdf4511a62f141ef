//! The page that explains an answer: a form, and what came of it.

use askama::Template;
use explain::reading::Reading;
use explain::report::{ExcludedReport, MirrorReport, NetworkReport, Report, TierReport, UrlReport};
use explain::{Audience, PackageManager, Refused, tier_title};

use super::explain_form::ExplainForm;
use super::explaining::{Asker, DEFAULT_SEED, Outcome};
use super::layout::{Labelled, PageLayout};

/// The values for the template, which escapes text.
#[derive(Template)]
#[template(path = "explanation.html")]
struct ExplanationPage<'r> {
    layout: PageLayout,
    is_public: bool,
    form: &'r ExplainForm,
    /// The programs to choose from, and whether each is chosen.
    programs: Vec<(&'static str, bool)>,
    /// Why the form was not understood.
    bad: Option<&'r str>,
    refused: Option<&'r Refused>,
    result: Option<ResultView<'r>>,
}

/// What is shown of a report.
struct ResultView<'r> {
    /// What was asked for with `ip=` and is not answered.
    other_address: bool,
    summary: String,
    client: Vec<Pair>,
    request: Vec<Pair>,
    rules: Vec<Pair>,
    urls: Vec<UrlRow<'r>>,
    is_redirect: bool,
    /// Bands and tiers with listed mirrors.
    tiers: Vec<TierView<'r>>,
    cut: Vec<Group<'r>>,
    excluded: Vec<Group<'r>>,
    moved: Vec<String>,
    repeated: Vec<String>,
    reading: Option<ReadingView<'r>>,
    /// What decides which mirror is the first, besides the rules.
    chance: &'static str,
    /// The question with another draw, if that can change the first mirror.
    another_draw: Option<String>,
}

type Pair = (&'static str, String);

/// A row of the list.
struct UrlRow<'r> {
    url: &'r str,
    mirror: &'r str,
    rank: String,
}

/// A tier, with the mirrors of it that are listed, or that other draws list first.
struct TierView<'r> {
    title: String,
    rows: Vec<MirrorRow<'r>>,
    unlisted: Option<UnlistedRow>,
}

/// The mirrors of a tier that this draw does not list, and that are the first in others.
struct UnlistedRow {
    /// `name (chance)`.
    mirrors: Vec<String>,
    /// The sum of their chances.
    first: String,
}

/// A row of a tier.
struct MirrorRow<'r> {
    place: usize,
    mirror: &'r str,
    notes: String,
    country: &'r str,
    km: Option<u32>,
    weight: String,
    first: String,
}

/// Mirrors that one rule concerns.
struct Group<'r> {
    detail: &'r str,
    mirrors: Vec<&'r str>,
}

/// What a package manager does.
struct ReadingView<'r> {
    program: &'static str,
    pairs: Vec<Pair>,
    notes: &'r [String],
}

/// Renders the page.
pub(super) fn render(
    form: &ExplainForm,
    outcome: &Outcome,
    asker: Asker<'_>,
    mut layout: PageLayout,
) -> askama::Result<String> {
    let (mut bad, mut refused, mut result) = (None, None, None);
    match outcome {
        Outcome::Empty => {}
        Outcome::Bad(reason) => bad = Some(reason.as_str()),
        Outcome::Refused(reason) => refused = Some(reason),
        Outcome::Report(report) => result = Some(view(report, form)),
    }
    // The twin answers the same question.
    if let Some(twin) = layout.for_programs.first_mut() {
        *twin = Labelled::new(&format!("{}?{}", twin.path, form.to_query()), twin.label);
    }
    let chosen = form.client.parse::<PackageManager>().ok();
    let programs = PackageManager::ALL.map(|one| (one.as_str(), chosen == Some(one)));
    let page = ExplanationPage {
        layout,
        is_public: matches!(asker, Asker::Public { .. }),
        form,
        programs: programs.into(),
        bad,
        refused,
        result,
    };
    page.render()
}

fn view<'r>(report: &'r Report, form: &ExplainForm) -> ResultView<'r> {
    let seed = report.request.seed.parse().unwrap_or(DEFAULT_SEED).wrapping_add(1);
    let another = ExplainForm { seed: seed.to_string(), ..form.clone() };
    let is_drawn = !report.rules.first_changes && report.rules.order != "fixed";
    let repeated = report.shaping.repeated_urls.iter();
    let moved = report.shaping.moved.iter();
    ResultView {
        other_address: !form.ip.is_empty() && !is_address(&form.ip, &report.client.ip),
        summary: summary(report),
        client: client(report),
        request: request(report),
        rules: rules(report),
        urls: report.urls.iter().map(url_row).collect(),
        is_redirect: report.target.format == "redirect",
        tiers: report.tiers.iter().filter_map(tier_view).collect(),
        cut: groups(&report.shaping.cut),
        excluded: groups(&report.excluded),
        moved: moved
            .map(|moved| {
                let (from, to) = (moved.from, moved.to);
                format!("{} from place {from} to {to}: {}", moved.mirror, moved.detail)
            })
            .collect(),
        repeated: repeated.map(|one| format!("{} ({})", one.url, one.mirror)).collect(),
        reading: report.reading.as_ref().map(|reading| reading_view(reading, report)),
        chance: match (report.rules.first_changes, report.rules.order.as_str()) {
            (true, _) => "The first mirror changes with client, file and time.",
            (false, "fixed") => "The list is the same for all clients.",
            (false, _) => "Chance decides among equals.",
        },
        another_draw: is_drawn.then(|| format!("?{}", another.to_query())),
    }
}

/// Whether two texts are the same address.
fn is_address(one: &str, other: &str) -> bool {
    let parse = |text: &str| text.parse().map(model::net::canonical).ok();
    parse(one) == parse(other)
}

/// The answer in a sentence or two.
fn summary(report: &Report) -> String {
    let client = &report.client;
    let place = match &client.country {
        Some(country) => format!("is in {country}"),
        None => "is in a country that is not known".into(),
    };
    // Said to everybody, so that it tells nobody whether the client is in a network of such mirrors.
    let is_public = report.audience == Audience::Public;
    let without =
        if is_public { "Without mirrors that serve their own networks only, " } else { "" };
    let Some(first) = report.urls.first() else {
        let none = if is_public { "no mirror" } else { "No mirror" };
        return format!("{} {place}. {without}{none} is listed for it.", client.ip);
    };
    let mirror = first.mirror.as_deref().unwrap_or(&first.tier);
    let found = report.tiers.iter().find_map(|tier| {
        let listed = tier.mirrors.iter().find(|one| Some(&one.mirror) == first.mirror.as_ref())?;
        Some((tier, listed))
    });
    let why = match found {
        Some((tier, listed)) => format!(
            ", found {}. It is the first in {} of {}",
            tier_title(tier),
            percent(listed.first_percent),
            if is_public { "such lists" } else { "the lists that this client can get" }
        ),
        None => String::new(),
    };
    let here = if is_public { "here its" } else { "Here its" };
    format!("{} {place}. {without}{here} first mirror is {mirror}{why}.", client.ip)
}

fn client(report: &Report) -> Vec<Pair> {
    let client = &report.client;
    let mut pairs = vec![("Address", client.ip.clone())];
    let embedded = client.embedded_ipv4.as_ref();
    pairs.extend(embedded.map(|ip| ("Address within it", format!("{ip}, looked up after it"))));
    pairs.push(("Country", client.country.clone().unwrap_or("not known".into())));
    pairs.extend(client.continent.clone().map(|continent| ("Continent", continent)));
    let point = client.point;
    pairs.extend(point.map(|at| ("Place", format!("{} north, {} east", at.lat, at.lon))));
    pairs.push(("Located by", network(client.located_by.as_ref())));
    let (no_system, networks) = match report.audience {
        Audience::Operator => ("none that hosts a mirror", "Networks of mirrors"),
        Audience::Public => ("none that hosts a public mirror", "Networks of public mirrors"),
    };
    let system = client
        .asn
        .map_or(no_system.into(), |asn| format!("AS{asn}, by {}", network(client.asn_by.as_ref())));
    pairs.push(("Autonomous system", system));
    let netblocks = client.netblocks.iter();
    let netblocks: Vec<_> = netblocks
        .map(|netblock| format!("{} of {}", netblock.prefix, netblock.mirrors.join(", ")))
        .collect();
    let netblocks = if netblocks.is_empty() { "none".into() } else { netblocks.join("; ") };
    pairs.push((networks, netblocks));
    pairs
}

fn network(found: Option<&NetworkReport>) -> String {
    let Some(found) = found else { return "no network of the tables".into() };
    let embedded = if found.by_embedded_ipv4 { ", by the address within" } else { "" };
    format!("{} ({}{embedded})", found.prefix, found.table)
}

fn request(report: &Report) -> Vec<Pair> {
    let (request, target) = (&report.request, &report.target);
    let query = if request.query.is_empty() { "" } else { "?" };
    let mut pairs = vec![("Request", format!("{}{query}{}", request.path, request.query))];
    pairs.extend(request.host.clone().map(|host| ("Server asked", host)));
    pairs.extend(target.route.clone().map(|route| ("Route", route)));
    let named = [
        ("Repository", &target.repo),
        ("Architecture", &target.arch),
        ("Category", &target.category),
        ("Path", &target.path),
        ("Directory", &target.directory),
        ("File", &target.file),
    ];
    pairs.extend(named.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    pairs.push(("Format", target.format.clone()));
    pairs.push(("Data", format!("generation {}, made {}", report.generation, report.created)));
    pairs
}

fn rules(report: &Report) -> Vec<Pair> {
    let rules = &report.rules;
    let limit = |max: Option<usize>| max.map_or("no limit".into(), |max| max.to_string());
    let order = match rules.order.as_str() {
        "tiers" => "tiers: own network, country, continent, world",
        "nearest" => "nearest: own network, then by distance",
        "random" => "random, by bandwidth",
        _ => "the same for all clients",
    };
    let mut pairs = vec![("Order", order.to_owned())];
    pairs.extend(rules.countries.as_ref().map(|asked| ("Countries asked for", asked.join(", "))));
    let left_out = [
        ("Servers left out", &rules.excluded_servers),
        ("Countries left out", &rules.excluded_countries),
    ];
    let left_out = left_out.into_iter().filter(|(_, names)| !names.is_empty());
    pairs.extend(left_out.map(|(name, names)| (name, names.join(", "))));
    pairs.extend(rules.ip_version.map(|version| ("Asked for over", format!("IPv{version}"))));
    pairs.extend(
        rules
            .first_over_ip
            .map(|version| ("Version of IP that counts first", format!("IPv{version}"))),
    );
    if rules.country_only {
        pairs.push(("Other countries", "are not listed".into()));
    }
    pairs.push(("Protocols", rules.protocols.join(", ")));
    pairs.push(("Most mirrors", limit(rules.max_mirrors)));
    pairs.push(("Most URLs of a mirror", limit(rules.urls_per_mirror)));
    let spread = if rules.spread { "of different networks where possible" } else { "as drawn" };
    pairs.push(("First four", spread.into()));
    pairs.push(("Fallback", rules.fallback.clone().unwrap_or("none".into())));
    pairs
}

fn url_row(url: &UrlReport) -> UrlRow<'_> {
    let rank = match (url.preference, url.priority) {
        (Some(preference), _) => format!("preference {preference}"),
        (None, Some(priority)) => format!("priority {priority}"),
        (None, None) => String::new(),
    };
    UrlRow { url: &url.url, mirror: url.mirror.as_deref().unwrap_or(&url.tier), rank }
}

/// A tier, if a mirror of it is listed, or would be the first in another draw.
fn tier_view(tier: &TierReport) -> Option<TierView<'_>> {
    let rows: Vec<_> = tier.mirrors.iter().filter_map(mirror_row).collect();
    let unlisted = unlisted_row(tier);
    let is_shown = !rows.is_empty() || unlisted.is_some();
    is_shown.then(|| TierView { title: tier_title(tier), rows, unlisted })
}

/// The mirrors that have a chance to be the first and are not listed. Without them the chances that are shown
/// would not add up to 100 %.
fn unlisted_row(tier: &TierReport) -> Option<UnlistedRow> {
    let unlisted: Vec<_> = tier
        .mirrors
        .iter()
        .filter(|mirror| mirror.place.is_none() && mirror.first_percent > 0.0)
        .collect();
    let name =
        |mirror: &&MirrorReport| format!("{} ({})", mirror.mirror, percent(mirror.first_percent));
    (!unlisted.is_empty()).then(|| UnlistedRow {
        mirrors: unlisted.iter().map(name).collect(),
        first: percent(unlisted.iter().map(|mirror| mirror.first_percent).sum()),
    })
}

/// A mirror, if it is listed.
fn mirror_row(mirror: &MirrorReport) -> Option<MirrorRow<'_>> {
    let mut notes = Vec::new();
    notes.extend(mirror.server.clone().filter(|server| *server != mirror.mirror));
    if mirror.private {
        notes.push("private".into());
    }
    if mirror.load_percent != 100 {
        notes.push(format!("load {} %", mirror.load_percent));
    }
    if mirror.max_share_percent != 100 {
        notes.push(format!("at most {} % of first places", mirror.max_share_percent));
    }
    notes.extend(mirror.behind_note());
    let weight = u64::from(mirror.bandwidth_mbit) * u64::from(mirror.load_percent);
    Some(MirrorRow {
        place: mirror.place?,
        mirror: &mirror.mirror,
        notes: notes.join(", "),
        country: mirror.country.as_deref().unwrap_or("–"),
        km: mirror.km,
        weight: (weight / 100).to_string(),
        first: match mirror.first_percent {
            0.0 => "–".into(),
            first => percent(first),
        },
    })
}

fn percent(value: f64) -> String {
    if value > 0.0 && value < 0.05 { "< 0.1 %".into() } else { format!("{value:.1} %") }
}

/// Mirrors by the sentence that says why, in the order of their first ones.
fn groups(excluded: &[ExcludedReport]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for ExcludedReport { mirror, detail, .. } in excluded {
        // There are a dozen rules.
        match groups.iter_mut().find(|group| group.detail == detail) {
            Some(group) => group.mirrors.push(mirror),
            None => groups.push(Group { detail, mirrors: vec![mirror] }),
        }
    }
    groups
}

fn reading_view<'r>(reading: &'r Reading, report: &Report) -> ReadingView<'r> {
    let number = |url: &String| {
        let place = report.urls.iter().position(|known| known.url == *url);
        place.map_or("?".to_owned(), |place| (place + 1).to_string())
    };
    let numbers = |urls: &[String]| urls.iter().map(number).collect::<Vec<_>>().join(", ");
    let steps = reading.tries.iter().map(|step| match &step[..] {
        [url] => number(url),
        step => format!("one of {} by chance", numbers(step)),
    });
    let steps: Vec<_> = steps.collect();
    let mut pairs = vec![(
        "Tries URL",
        if steps.is_empty() { "none".to_owned() } else { steps.join(", then ") },
    )];
    let order = reading.after_timeout.as_ref();
    pairs.extend(order.map(|urls| ("If the first one stalls", numbers(urls))));
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for skipped in &reading.skipped {
        match reasons.iter_mut().find(|(reason, _)| *reason == skipped.reason) {
            Some((_, urls)) => urls.push(number(&skipped.url)),
            None => reasons.push((&skipped.reason, vec![number(&skipped.url)])),
        }
    }
    let skips = reasons.into_iter().map(|(reason, urls)| format!("{}: {reason}", urls.join(", ")));
    pairs.extend(skips.map(|skips| ("Skips", skips)));
    ReadingView { program: reading.client.as_str(), pairs, notes: &reading.notes }
}
