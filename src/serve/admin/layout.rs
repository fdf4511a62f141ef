//! What the pages share: links to the other pages, and to what programs read, from the table of routes.

use super::route_lookup::{AdminRoute, Link};

/// The frame of a page.
pub(super) struct PageLayout {
    /// Where the page is.
    pub(super) path: &'static str,
    /// The pages, this one as well.
    pub(super) pages: Vec<Labelled>,
    /// What programs read: this page's own first, then what belongs to none.
    pub(super) for_programs: Vec<Labelled>,
}

/// A link with its text.
pub(super) struct Labelled {
    pub(super) path: &'static str,
    pub(super) label: &'static str,
}

impl PageLayout {
    /// The frame of the page at `path`.
    pub(super) fn new(routes: &'static [AdminRoute], path: &'static str) -> Self {
        let mut layout = Self { path, pages: Vec::new(), for_programs: Vec::new() };
        for route in routes {
            match route.link {
                Link::None => {}
                Link::Page(label) => layout.pages.push(Labelled { path: route.path, label }),
                Link::Twin(page, label) if page == path => {
                    layout.for_programs.insert(0, Labelled { path: route.path, label });
                }
                Link::Twin(..) => {}
                Link::ForPrograms(label) => {
                    layout.for_programs.push(Labelled { path: route.path, label });
                }
            }
        }
        layout
    }
}
