//! The layout that the pages share: links to the other pages and to machine-readable routes, from the
//! table of routes.

use super::route_lookup::{AdminRoute, Link};

/// The layout of one page.
pub(super) struct PageLayout {
    /// The path of the page.
    pub(super) path: &'static str,
    /// Links to all pages, including this one.
    pub(super) pages: Vec<Labelled>,
    /// Links to machine-readable routes: first those for this page, then the general ones.
    pub(super) for_programs: Vec<Labelled>,
}

/// A link with its text.
pub(super) struct Labelled {
    pub(super) path: &'static str,
    pub(super) label: &'static str,
}

impl PageLayout {
    /// Builds the layout of the page at `path`.
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
