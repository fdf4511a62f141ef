//! `/propagation/REPO`: which version of a repository mirrors have, how fast they take changes over, and who has not.

use askama::Template;
use checks::propagation::median;
use checks::state::Status;
use serve::pages::layout::PageLayout;

use super::super::display::{Shown, When};
use super::chart::{Curves, Part, curves, parts};
use super::frame::{MirrorFrame, time};
use super::one::directory_name;
use super::path::{Form, Wanted, of_mirror};
use crate::mirrors::survey::{RepositoryStanding, Survey, SurveyedMirror, SurveyedRepository};

/// The most mirrors that are named.
const MAX_LAGGARDS: usize = 500;

/// The values for the template, which escapes text.
#[derive(Template)]
#[template(path = "repository.html")]
struct RepositoryPage {
    layout: PageLayout,
    frame: MirrorFrame,
    directory: Shown,
    changed: Option<When>,
    hash: Option<Shown>,
    parts: Vec<Part>,
    n_changes: usize,
    curves: Curves,
    laggards: Vec<LaggardRow>,
    n_more: usize,
}

/// A mirror that has not the current version.
struct LaggardRow {
    path: String,
    name: Shown,
    text: Shown,
    seen: Option<When>,
}

/// Renders the page of the repository at a place in the survey.
pub(super) fn render(
    survey: &Survey,
    (index, repository): (u32, &SurveyedRepository),
    mut layout: PageLayout,
) -> askama::Result<String> {
    let directory = repository.directory.clone();
    let twin = Wanted::Repository(directory, Form::Page).path(Form::Json);
    let frame = MirrorFrame::new(&mut layout, "", &twin, survey);
    let when = |seconds: u64| When::new(time(seconds), time(survey.made));
    let mut laggards = laggards(survey, index);
    laggards.sort_by(|(one, of_one), (other, of_other)| {
        (of_one.status.word(), &one.key).cmp(&(of_other.status.word(), &other.key))
    });
    let row = |(mirror, standing): &(&SurveyedMirror, &RepositoryStanding)| LaggardRow {
        path: of_mirror(&mirror.key),
        name: Shown::short(&mirror.profile.name),
        text: Shown::line(&standing.text),
        seen: standing.seen.map(when),
    };
    let page = RepositoryPage {
        layout,
        frame,
        directory: directory_name(&repository.directory),
        changed: repository.changed.map(when),
        hash: repository.current.as_deref().map(Shown::line),
        parts: parts(&repository.spread),
        n_changes: repository.changes.len(),
        curves: curves(repository.changes.first(), &median(repository.changes.iter())),
        laggards: laggards.iter().take(MAX_LAGGARDS).map(row).collect(),
        n_more: laggards.len().saturating_sub(MAX_LAGGARDS),
    };
    page.render()
}

/// The mirrors that should have a repository, and do not have its current version for certain.
fn laggards(survey: &Survey, index: u32) -> Vec<(&SurveyedMirror, &RepositoryStanding)> {
    let of_mirror =
        |mirror: &'_ SurveyedMirror| mirror.repositories.iter().position(|one| one.index == index);
    let all = survey
        .mirrors
        .iter()
        .filter_map(|mirror| Some((mirror, mirror.repositories.get(of_mirror(mirror)?)?)));
    all.filter(|(_, one)| !matches!(one.status, Status::Current | Status::NotComparable)).collect()
}
