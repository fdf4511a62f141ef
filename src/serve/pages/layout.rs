//! The layout that pages share: links to other pages and to machine-readable routes.

/// The layout of one page.
#[derive(Clone, Default)]
pub struct PageLayout {
    /// The path of the page.
    pub path: &'static str,
    /// Links to all pages, including this one.
    pub pages: Vec<Labelled>,
    /// Links to machine-readable routes: first those for this page, then the general ones.
    pub for_programs: Vec<Labelled>,
}

/// A link with its text.
#[derive(Clone)]
pub struct Labelled {
    /// Where it leads.
    pub path: String,
    /// Its text.
    pub label: &'static str,
}

impl Labelled {
    /// A link to `path`.
    pub fn new(path: &str, label: &'static str) -> Self {
        Self { path: path.to_owned(), label }
    }
}
