//! A page that only says something: what is not there, and what cannot be shown or done.

use askama::Template;
use serve::pages::layout::PageLayout;

use super::display::Shown;
use super::frame::Frame;

/// The values for the template, which escapes text.
#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    layout: PageLayout,
    frame: Frame,
    title: &'static str,
    text: Shown,
    /// What to do.
    advice: &'static str,
}

/// Renders the page.
pub(super) fn render(
    title: &'static str,
    (text, advice): (&str, &'static str),
    frame: Frame,
    layout: PageLayout,
) -> askama::Result<String> {
    MessagePage { layout, frame, title, text: Shown::line(text), advice }.render()
}
