//! `/propagation`: which version of each repository mirrors have.

use askama::Template;
use serve::pages::layout::PageLayout;

use super::super::display::{Shown, When};
use super::chart::{Part, parts};
use super::frame::{MirrorFrame, time};
use super::one::directory_name;
use super::path::{Form, Wanted, of_repository};
use crate::mirrors::survey::{Survey, SurveyedRepository};

/// The most repositories that are shown.
const MAX_REPOSITORIES: usize = 2_000;

/// The values for the template, which escapes text.
#[derive(Template)]
#[template(path = "propagation.html")]
struct SpreadPage {
    layout: PageLayout,
    frame: MirrorFrame,
    repositories: Vec<RepositoryRow>,
    n_more: usize,
}

struct RepositoryRow {
    path: String,
    directory: Shown,
    changed: Option<When>,
    n: u32,
    parts: Vec<Part>,
}

/// Renders the page.
pub(super) fn render(survey: &Survey, mut layout: PageLayout) -> askama::Result<String> {
    let twin = Wanted::Spread(Form::Page).path(Form::Json);
    let frame = MirrorFrame::new(&mut layout, "/propagation", &twin, survey);
    let row = |repository: &SurveyedRepository| RepositoryRow {
        path: of_repository(&repository.directory),
        directory: directory_name(&repository.directory),
        changed: repository.changed.map(|at| When::new(time(at), time(survey.made))),
        n: repository.spread.all.0,
        parts: parts(&repository.spread),
    };
    let page = SpreadPage {
        layout,
        frame,
        repositories: survey.repositories.iter().take(MAX_REPOSITORIES).map(row).collect(),
        n_more: survey.repositories.len().saturating_sub(MAX_REPOSITORIES),
    };
    page.render()
}
