//! An explanation for whoever has filled the form: a page, or JSON.
//!
//! Both listeners use this.

use serde::Serialize;

use super::HTML;
use super::explaining::{Asking, BAD_FORM, Outcome, explain};
use super::explanation_page;
use super::layout::PageLayout;

/// The form of an explanation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Representation {
    /// A page for people.
    Page,
    /// JSON for programs.
    Json,
}

impl Representation {
    /// The one that is at a path of the public listener, whatever stands before: `/why` and `/why.json`.
    pub fn of_public_path(path: &str) -> Option<Self> {
        if path.ends_with("/why") {
            Some(Self::Page)
        } else if path.ends_with("/why.json") {
            Some(Self::Json)
        } else {
            None
        }
    }

    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Page => HTML,
            Self::Json => "application/json",
        }
    }
}

/// An explanation that was made.
#[derive(Debug)]
pub struct Made {
    /// The status of the response.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Makes the page, in this layout. Fails only if the template does.
pub fn page(asking: &Asking<'_>, layout: PageLayout) -> askama::Result<Made> {
    let (form, outcome) = explain(asking);
    let status = match outcome {
        Outcome::Empty => 200,
        _ => status(&outcome),
    };
    let body = explanation_page::render(&form, &outcome, asking.asker, layout)?;
    Ok(Made { status, body })
}

/// Makes the JSON: the report, or `{"error": {"code", "message", …}}`. Fails only if the writer does.
pub fn json(asking: &Asking<'_>) -> serde_json::Result<Made> {
    let (_, outcome) = explain(asking);
    let status = status(&outcome);
    let body = match outcome {
        Outcome::Report(report) => serde_json::to_string_pretty(&report)?,
        Outcome::Refused(error) => serde_json::to_string_pretty(&Failure { error })?,
        Outcome::Empty => bad("say what is asked for: repo= and arch=, path=, or request=")?,
        Outcome::Bad(reason) => bad(&reason)?,
    };
    Ok(Made { status, body: body + "\n" })
}

/// What JSON holds in the place of a report.
#[derive(Serialize)]
struct Failure<T> {
    error: T,
}

/// A form that cannot be understood.
#[derive(Serialize)]
struct BadRequest<'a> {
    code: &'static str,
    message: &'a str,
}

fn bad(message: &str) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&Failure { error: BadRequest { code: BAD_FORM, message } })
}

fn status(outcome: &Outcome) -> u16 {
    match outcome {
        Outcome::Report(_) => 200,
        // Some clients get the reason with status 200, where they expect a list.
        Outcome::Refused(refused) if refused.status < 400 => 404,
        Outcome::Refused(refused) => refused.status,
        Outcome::Empty | Outcome::Bad(_) => 400,
    }
}
