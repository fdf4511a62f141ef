//! The type of a row in the table of routes, and the lookup of the row for a request.

use std::sync::Arc;

use hyper::Method;

use super::part::AdminPart;
use super::reply::AdminReply;
use super::state::AdminState;
use crate::pages::layout::{Labelled, PageLayout};

/// One route of the admin listener.
pub(super) struct AdminRoute {
    /// The method. A route for GET also answers HEAD.
    pub(super) method: Method,
    /// The path.
    pub(super) path: &'static str,
    /// What the response holds, in one line, for the index.
    pub(super) about: &'static str,
    /// How pages link to it.
    pub(super) link: Link,
    /// How the answer is made, and on which thread.
    pub(super) handler: Handler,
}

/// How pages link to a route, and with which text.
#[derive(Clone, Copy)]
pub(super) enum Link {
    /// No page links to it.
    None,
    /// All pages link to it: it is a page as well.
    Page(&'static str),
    /// The page at this path links to it: the route gives the same content in a machine-readable form.
    Twin(&'static str, &'static str),
    /// All pages link to it, after the link to the twin: it is a machine-readable route.
    ForPrograms(&'static str),
}

/// How an answer is made, and on which thread.
#[derive(Clone, Copy)]
pub(super) enum Handler {
    /// On the thread of the listener, at once: for probes, whose answer takes microseconds and never
    /// waits.
    AtOnce(fn(&Arc<AdminState>) -> AdminReply),
    /// On a page thread, where it may be slow.
    OnPageThread(fn(&Arc<AdminState>) -> AdminReply),
    /// On the thread of the listener, with the metrics of all parts, and then on a page thread.
    WithPartMetrics(fn(&Arc<AdminState>, &str) -> AdminReply),
    /// On a page thread, and from the query of the request: as it was sent, without `?`, and empty if there
    /// is none.
    WithQuery(fn(&Arc<AdminState>, &str) -> AdminReply),
}

/// The reason why no route was found.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum NoRoute {
    /// No route has this path.
    UnknownPath,
    /// The path exists, but only for these methods.
    OtherMethods(Vec<&'static str>),
}

/// Finds the row of a request.
pub(super) fn find<'r>(
    routes: &'r [AdminRoute],
    method: &Method,
    path: &str,
) -> Result<&'r AdminRoute, NoRoute> {
    let mut allowed = Vec::new();
    for route in routes.iter().filter(|route| route.path == path) {
        let methods = methods_of(route);
        if methods.contains(&method.as_str()) {
            return Ok(route);
        }
        allowed.extend(methods);
    }
    match allowed.is_empty() {
        true => Err(NoRoute::UnknownPath),
        false => Err(NoRoute::OtherMethods(allowed)),
    }
}

fn methods_of(route: &AdminRoute) -> &'static [&'static str] {
    match route.method {
        Method::POST => &["POST"],
        _ => &["GET", "HEAD"],
    }
}

/// The layout of the page at `path`: links to all pages, and to machine-readable routes.
pub(super) fn layout(
    routes: &[AdminRoute],
    parts: &[Arc<dyn AdminPart>],
    path: &'static str,
) -> PageLayout {
    let mut layout = PageLayout { path, ..PageLayout::default() };
    for route in routes {
        match route.link {
            Link::None => {}
            Link::Page(label) => layout.pages.push(Labelled::new(route.path, label)),
            Link::Twin(page, label) if page == path => {
                layout.for_programs.insert(0, Labelled::new(route.path, label));
            }
            Link::Twin(..) => {}
            Link::ForPrograms(label) => {
                layout.for_programs.push(Labelled::new(route.path, label));
            }
        }
    }
    for (path, label) in parts.iter().flat_map(|part| part.pages()) {
        layout.pages.push(Labelled::new(path, label));
    }
    layout
}

/// The page of `part` that `path` is, or belongs to: `/tasks` for `/tasks/17`. Empty if there is none.
pub(super) fn page_of(part: &dyn AdminPart, path: &str) -> &'static str {
    let belongs = |page: &&&'static str| {
        let rest = path.strip_prefix(**page);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let pages = part.pages().iter().map(|(page, _)| page);
    pages.filter(belongs).max_by_key(|page| page.len()).copied().unwrap_or_default()
}

/// The table of routes as text, without the row of the index itself.
pub(super) fn index(routes: &[AdminRoute], parts: &[Arc<dyn AdminPart>]) -> String {
    let own = routes.iter().map(|route| (route.path, route.about));
    let rows = || own.clone().chain(parts.iter().flat_map(|part| part.index().iter().copied()));
    let rows = || rows().filter(|(path, _)| *path != "/");
    let width = rows().map(|(path, _)| path.len()).max().unwrap_or(0);
    rows().map(|(path, about)| format!("{path:width$}  {about}\n")).collect()
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::*;
    use crate::admin::reply::text;

    fn answer(_: &Arc<AdminState>) -> AdminReply {
        text(StatusCode::OK, "")
    }

    const fn route(method: Method, path: &'static str, about: &'static str) -> AdminRoute {
        AdminRoute { method, path, about, link: Link::None, handler: Handler::AtOnce(answer) }
    }

    const ROUTES: [AdminRoute; 4] = [
        route(Method::GET, "/", "this list"),
        route(Method::GET, "/tasks", "what is to do"),
        route(Method::POST, "/tasks", "one more"),
        route(Method::POST, "/run", "now"),
    ];

    #[test]
    fn a_request_finds_its_row_or_what_there_is_instead() {
        let find = |method: Method, path| find(&ROUTES, &method, path).map(|route| route.about);
        assert_eq!(find(Method::GET, "/tasks"), Ok("what is to do"));
        assert_eq!(find(Method::HEAD, "/tasks"), Ok("what is to do"));
        assert_eq!(find(Method::POST, "/tasks"), Ok("one more"));
        let others = |methods: &[&'static str]| Err(NoRoute::OtherMethods(methods.to_vec()));
        assert_eq!(find(Method::DELETE, "/tasks"), others(&["GET", "HEAD", "POST"]));
        assert_eq!(find(Method::GET, "/run"), others(&["POST"]));
        assert_eq!(find(Method::POST, "/tasks/"), Err(NoRoute::UnknownPath));
    }

    #[test]
    fn the_index_lists_each_row_but_its_own() {
        let index = index(&ROUTES, &[]);
        assert_eq!(index, "/tasks  what is to do\n/tasks  one more\n/run    now\n");
    }
}
