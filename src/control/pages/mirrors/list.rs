//! `/mirrors`: all mirrors by continent and country, with their counts, and filters as links.

use std::collections::BTreeMap;

use askama::Template;
use model::families::Families;
use model::url::Protocol;
use serve::pages::layout::PageLayout;

use super::super::display::{Shown, When, count, number};
use super::frame::{MirrorFrame, time};
use super::path::{Filter, Form, Wanted, of_mirror};
use super::words::{self, CountryNames};
use crate::mirrors::survey::{Condition, Survey, SurveyedMirror};

/// The values for the template, which escapes text.
#[derive(Template)]
#[template(path = "mirrors.html")]
struct ListPage {
    layout: PageLayout,
    frame: MirrorFrame,
    is_settled: bool,
    is_filtered: bool,
    /// How many mirrors are shown, and how many of them are in sync.
    n_shown: String,
    n_in_sync: String,
    states: Vec<FilterLink>,
    protocols: Vec<FilterLink>,
    countries: Vec<FilterLink>,
    /// The country that is shown alone.
    country: Option<String>,
    continents: Vec<ContinentView>,
}

/// A link that sets one part of the filter, and keeps the others.
struct FilterLink {
    path: String,
    label: String,
    /// How many mirrors it leads to.
    n: String,
    is_chosen: bool,
}

struct ContinentView {
    id: String,
    name: String,
    n: String,
    countries: Vec<CountryView>,
}

struct CountryView {
    name: String,
    n: String,
    mirrors: Vec<MirrorRow>,
}

struct MirrorRow {
    path: String,
    name: Shown,
    /// Protocols with base URLs.
    urls: Vec<(&'static str, String)>,
    about: String,
    condition: Condition,
    word: &'static str,
    reach: &'static str,
    since: Option<When>,
    families: String,
    content: String,
    listed: &'static str,
    why: Option<Shown>,
}

/// Renders the page.
pub(super) fn render(
    survey: &Survey,
    filter: Filter,
    mut layout: PageLayout,
) -> askama::Result<String> {
    let twin = Wanted::List(filter, Form::Page).path(Form::Json);
    let frame = MirrorFrame::new(&mut layout, "/mirrors", &twin, survey);
    let names = CountryNames::read();
    let shown: Vec<&SurveyedMirror> =
        survey.mirrors.iter().filter(|mirror| filter.passes(mirror)).collect();
    let in_sync = shown.iter().filter(|mirror| mirror.condition == Condition::InSync);
    let page = ListPage {
        frame,
        layout,
        is_settled: survey.is_settled,
        is_filtered: filter != Filter::default(),
        n_shown: many(shown.len(), "mirror"),
        n_in_sync: figure(in_sync.count()),
        states: states(survey, filter),
        protocols: protocols(survey, filter),
        countries: countries(survey, filter, &names),
        country: filter.country.map(|country| names.of(country)),
        continents: continents(survey, &shown, &names),
    };
    page.render()
}

fn figure(n: usize) -> String {
    number(i64::try_from(n).unwrap_or(i64::MAX))
}

fn many(n: usize, one: &str) -> String {
    count(i64::try_from(n).unwrap_or(i64::MAX), one)
}

fn link(survey: &Survey, label: &str, to: Filter, from: Filter) -> FilterLink {
    let n = survey.mirrors.iter().filter(|mirror| to.passes(mirror)).count();
    FilterLink {
        path: Wanted::List(to, Form::Page).path(Form::Page),
        label: label.to_owned(),
        n: figure(n),
        is_chosen: to == from,
    }
}

fn states(survey: &Survey, filter: Filter) -> Vec<FilterLink> {
    let all = link(survey, "all", Filter { condition: None, ..filter }, filter);
    let others = Condition::ALL.into_iter().map(|condition| {
        let to = Filter { condition: Some(condition), ..filter };
        link(survey, words::condition(condition), to, filter)
    });
    [all].into_iter().chain(others).collect()
}

fn protocols(survey: &Survey, filter: Filter) -> Vec<FilterLink> {
    let all = link(survey, "all", Filter { protocol: None, ..filter }, filter);
    let others = Protocol::ALL.into_iter().filter_map(|protocol| {
        let is_there = survey.mirrors.iter().any(|mirror| mirror.has(protocol));
        let to = Filter { protocol: Some(protocol), ..filter };
        is_there.then(|| link(survey, protocol.as_str(), to, filter))
    });
    [all].into_iter().chain(others).collect()
}

/// Links to all countries in which mirrors are, whatever else is chosen, in the order of their names.
fn countries(survey: &Survey, filter: Filter, names: &CountryNames) -> Vec<FilterLink> {
    let others = Filter { country: None, ..filter };
    let mut counts = BTreeMap::new();
    for mirror in survey.mirrors.iter().filter(|mirror| others.passes(mirror)) {
        if let Some(country) = mirror.profile.country {
            *counts.entry((names.of(country), country)).or_insert(0_usize) += 1;
        }
    }
    let mut links = vec![link(survey, "all", others, filter)];
    links.extend(counts.into_iter().map(|((name, country), n)| FilterLink {
        path:
            Wanted::List(Filter { country: Some(country), ..filter }, Form::Page).path(Form::Page),
        label: name,
        n: figure(n),
        is_chosen: filter.country == Some(country),
    }));
    links
}

/// The mirrors by continent and country, in the order of their names; those of which that is not known at the end.
fn continents(
    survey: &Survey,
    shown: &[&SurveyedMirror],
    names: &CountryNames,
) -> Vec<ContinentView> {
    type ByCountry<'s> = BTreeMap<(bool, String), Vec<&'s SurveyedMirror>>;
    let mut all: BTreeMap<(bool, String), ByCountry<'_>> = BTreeMap::new();
    for mirror in shown {
        let continent = mirror.profile.continent.map(words::continent);
        let country = mirror.profile.country.map(|country| names.of(country));
        let of_continent = (continent.is_none(), continent.unwrap_or("Elsewhere".to_owned()));
        let of_country = (country.is_none(), country.unwrap_or("Country not known".to_owned()));
        let countries = all.entry(of_continent).or_default();
        countries.entry(of_country).or_default().push(mirror);
    }
    let view =
        |(n, ((_, name), countries)): (usize, ((bool, String), ByCountry<'_>))| ContinentView {
            id: format!("continent-{}", n + 1),
            name,
            n: many(countries.values().map(Vec::len).sum(), "mirror"),
            countries: countries
                .into_iter()
                .map(|((_, name), mut mirrors)| {
                    mirrors.sort_by(|one, other| {
                        (&one.profile.name, &one.key).cmp(&(&other.profile.name, &other.key))
                    });
                    CountryView {
                        name,
                        n: figure(mirrors.len()),
                        mirrors: mirrors.into_iter().map(|one| row(survey, one)).collect(),
                    }
                })
                .collect(),
        };
    all.into_iter().enumerate().map(view).collect()
}

fn row(survey: &Survey, mirror: &SurveyedMirror) -> MirrorRow {
    let urls = mirror.profile.urls.iter();
    let families: Vec<Families> = urls.clone().map(|(_, url, _)| mirror.families(url)).collect();
    let mut about = words::bandwidth(mirror.profile.bandwidth);
    for category in &mirror.profile.categories {
        about.push_str(", ");
        about.push_str(&Shown::short(category).to_string());
    }
    MirrorRow {
        path: of_mirror(&mirror.key),
        name: Shown::short(&mirror.profile.name),
        urls: urls.map(|(protocol, url, _)| (protocol.as_str(), url.clone())).collect(),
        about,
        condition: mirror.condition,
        word: words::condition(mirror.condition),
        reach: words::reached(mirror.reachability),
        since: mirror.since.map(|since| When::new(time(since), time(survey.made))),
        families: words::families(words::any_of(families.into_iter())),
        content: content(mirror),
        listed: mirror.listed.as_str(),
        why: mirror.why.as_ref().map(|why| Shown::short(why.reason())),
    }
}

/// The worst repository, in short.
fn content(mirror: &SurveyedMirror) -> String {
    let n = mirror.repositories.len();
    match mirror.worst() {
        None => "nothing that is compared".to_owned(),
        Some(_) if mirror.n_current() == n => "all current".to_owned(),
        Some(worst) => {
            let current = format!("{} of {} current", figure(mirror.n_current()), figure(n));
            match worst.status.word() {
                "unknown" | "uncompared" => current,
                word => format!("{current}; worst: {word}"),
            }
        }
    }
}
