//! Pages that were made of the last survey, kept until the next one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use askama::Template;
use hyper::header::{ALLOW, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Method, StatusCode};
use serve::admin::part::{PartReply, PartRequest};
use serve::pages::HTML;
use serve::pages::kept::KeptPage;
use serve::pages::layout::PageLayout;
use serve::pages::page_threads::{PageError, PageThreads};

use super::super::reply;
use super::path::{Filter, Form, NotThere, Wanted, is_for_programs};
use super::{archweb, json, list, mirmon, one, repository, spread};
use crate::mirrors::survey::Survey;
use crate::mirrors::surveys::Surveys;

/// How many pages are made at the same time.
const MAX_THREADS: usize = 2;
/// How long a request waits for a thread.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// The most filtered pages that are kept, and the most bytes of all pages; others are made for each request. Pages that
/// everybody wants ([`Wanted::is_common`]) are kept all the same.
const MAX_FILTERED: usize = 10_000;
const MAX_BYTES: usize = 64 << 20;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// Pages about mirrors for everybody, on one listener.
pub struct MirrorPages {
    surveys: Surveys,
    threads: PageThreads,
    shelf: Mutex<Option<Arc<Shelf>>>,
}

/// The pages of a survey.
struct Shelf {
    /// The survey as it was made.
    source: Arc<Survey>,
    /// The same, and whether it is stale by now.
    survey: Arc<Survey>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// What everybody wants.
    common: BTreeMap<Wanted, Arc<OnceLock<Made>>>,
    /// All others.
    pages: BTreeMap<Wanted, Arc<OnceLock<Made>>>,
    n_filtered: usize,
    n_bytes: usize,
}

/// A page, or why there is none.
type Made = Result<KeptPage, NotThere>;

/// A page that says only one thing.
#[derive(Template)]
#[template(path = "mirrors_message.html")]
struct MessagePage {
    layout: PageLayout,
    message: String,
}

impl MirrorPages {
    /// Pages that are made of these surveys.
    pub fn new(surveys: Surveys) -> Self {
        let threads = PageThreads::new(MAX_THREADS, MAX_WAIT);
        Self { surveys, threads, shelf: Mutex::default() }
    }

    /// Answers a request for a path that [`answers`](super::answers) has found. All requests of a listener must come
    /// with the same links in `layout`: pages are kept with them.
    pub async fn answer(&self, request: &PartRequest, layout: PageLayout) -> PartReply {
        let is_json = is_for_programs(&request.path);
        match self.find(request, layout).await {
            Ok(reply) => reply,
            Err((error, layout)) => refuse(&error, layout, is_json),
        }
    }

    async fn find(
        &self,
        request: &PartRequest,
        layout: PageLayout,
    ) -> Result<PartReply, (NotThere, PageLayout)> {
        if request.method != Method::GET {
            return Err((NotThere::other_method(), layout));
        }
        let wanted = match Wanted::find(&request.path, &request.query) {
            Ok(wanted) => wanted,
            Err(error) => return Err((error, layout)),
        };
        let Some((survey, is_stale)) = self.surveys.recent().await else {
            return Err((NotThere::not_yet(), layout));
        };
        let shelf = self.shelf_of(survey, is_stale);
        let headers = request.headers.clone();
        let links = layout.clone();
        let made = self.threads.run(move || shelf.reply(&wanted, links, &headers)).await;
        match made {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err((error, layout)),
            Err(PageError::Busy) => Err((NotThere::busy(), layout)),
            Err(PageError::Panicked) => Err((NotThere::broken(), layout)),
        }
    }

    /// The pages of a survey: those of the one before are dropped.
    fn shelf_of(&self, source: Arc<Survey>, is_stale: bool) -> Arc<Shelf> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        match &*shelf {
            Some(known)
                if Arc::ptr_eq(&known.source, &source) && known.survey.is_stale == is_stale =>
            {
                Arc::clone(known)
            }
            _ => {
                let survey = match is_stale {
                    true => Arc::new(Survey { is_stale, ..(*source).clone() }),
                    false => Arc::clone(&source),
                };
                let new = Arc::new(Shelf { source, survey, kept: Mutex::default() });
                *shelf = Some(Arc::clone(&new));
                new
            }
        }
    }
}

impl Shelf {
    /// The answer to a request; the page is made if it is not there. Who asks meanwhile waits for it.
    fn reply(
        &self,
        wanted: &Wanted,
        layout: PageLayout,
        headers: &HeaderMap,
    ) -> Result<PartReply, NotThere> {
        let Some(place) = self.place(wanted) else {
            return Ok(make(&self.survey, wanted, layout)?.reply(headers));
        };
        let made = place.get_or_init(|| {
            let made = make(&self.survey, wanted, layout);
            let mut kept = self.kept();
            match &made {
                Ok(page) => kept.n_bytes = kept.n_bytes.saturating_add(page.n_kept()),
                // Names that nobody has are not remembered.
                Err(_) => kept.remove(wanted),
            }
            made
        });
        made.as_ref().map(|page| page.reply(headers)).map_err(Clone::clone)
    }

    /// Where a page is kept; `None` if there is no space for it.
    fn place(&self, wanted: &Wanted) -> Option<Arc<OnceLock<Made>>> {
        let is_filtered = wanted.filter().is_some_and(|filter| filter != Filter::default());
        // There are many filters that nobody needs.
        let passes =
            |filter: Filter| self.survey.mirrors.iter().any(|mirror| filter.passes(mirror));
        if is_filtered && !wanted.filter().is_some_and(passes) {
            return None;
        }
        let mut kept = self.kept();
        let is_full = kept.n_bytes >= MAX_BYTES || is_filtered && kept.n_filtered >= MAX_FILTERED;
        let is_common = wanted.is_common();
        let pages = if is_common { &mut kept.common } else { &mut kept.pages };
        if let Some(place) = pages.get(wanted) {
            return Some(Arc::clone(place));
        }
        if is_full && !is_common {
            return None;
        }
        let place = Arc::new(OnceLock::new());
        pages.insert(wanted.clone(), Arc::clone(&place));
        kept.n_filtered += usize::from(is_filtered);
        Some(place)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn remove(&mut self, wanted: &Wanted) {
        let is_filtered = wanted.filter().is_some_and(|filter| filter != Filter::default());
        let pages = if wanted.is_common() { &mut self.common } else { &mut self.pages };
        if pages.remove(wanted).is_some() && is_filtered {
            self.n_filtered -= 1;
        }
    }
}

fn make(survey: &Survey, wanted: &Wanted, layout: PageLayout) -> Made {
    let page = |page: askama::Result<String>| {
        let page = page.map_err(|error| {
            tracing::error!("a page of mirrors cannot be written: {error}");
            NotThere::broken()
        });
        Ok(KeptPage::new(HTML, page?.into_bytes()))
    };
    let for_programs =
        |value: serde_json::Value| Ok(KeptPage::new(JSON, format!("{value}\n").into_bytes()));
    match wanted {
        Wanted::List(filter, Form::Page) => page(list::render(survey, *filter, layout)),
        Wanted::List(filter, Form::Json) => for_programs(json::list(survey, *filter)),
        Wanted::Mirror(key, form) => {
            let mirror = survey.find(key).ok_or_else(NotThere::no_mirror)?;
            match form {
                Form::Page => page(one::render(survey, mirror, layout)),
                Form::Json => for_programs(json::mirror(survey, mirror)),
            }
        }
        Wanted::Spread(Form::Page) => page(spread::render(survey, layout)),
        Wanted::Spread(Form::Json) => for_programs(json::spread(survey)),
        Wanted::Repository(directory, form) => {
            let found = survey.find_repository(directory).ok_or_else(NotThere::no_repository)?;
            match form {
                Form::Page => page(repository::render(survey, found, layout)),
                Form::Json => for_programs(json::repository(survey, found.1)),
            }
        }
        Wanted::Archweb(category) => {
            let status = archweb::status(survey, category.as_deref());
            for_programs(status.ok_or_else(NotThere::no_category)?)
        }
        Wanted::Mirmon => Ok(KeptPage::new(TEXT, mirmon::state(survey).into_bytes())),
    }
}

/// Says why there is nothing to show, in the form of whoever asks.
fn refuse(error: &NotThere, mut layout: PageLayout, is_json: bool) -> PartReply {
    layout.path = "";
    let mut answer = match is_json {
        true => reply::text(error.status, JSON, format!("{}\n", json::error(error))),
        false => {
            let message = error.message.clone();
            match (MessagePage { layout, message }).render() {
                Ok(page) => reply::html(error.status, page),
                Err(_) => reply::failed("cannot write the page\n"),
            }
        }
    };
    let headers = answer.headers_mut();
    match error.status {
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("10"));
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        _ => {}
    }
    answer
}

#[cfg(test)]
mod tests {
    use model::geo::Country;

    use super::*;
    use crate::mirrors::listed::Listed;
    use crate::mirrors::profile::Profile;
    use crate::mirrors::survey::{Condition, SurveyedMirror};

    fn mirror(country: &str) -> SurveyedMirror {
        let country = Country::parse(country);
        SurveyedMirror {
            key: "a".into(),
            profile: Profile { country, ..Profile::default() },
            condition: Condition::Unknown,
            reachability: checks::state::Reachability::Unknown,
            since: None,
            listed: Listed::Yes,
            why: None,
            urls: BTreeMap::new(),
            repositories: vec![],
            gates: vec![],
            last_visit: None,
            next_visit: None,
            days: vec![],
            availability: None,
            events: vec![],
            n_earlier: 0,
        }
    }

    #[test]
    fn pages_that_show_no_mirror_take_the_place_of_no_other() {
        let survey = Arc::new(Survey { mirrors: vec![mirror("DE")], ..Survey::default() });
        let shelf =
            Shelf { source: Arc::clone(&survey), survey, kept: Mutex::new(Kept::default()) };
        let of = |country: &str| {
            let filter = Filter { country: Country::parse(country), ..Filter::default() };
            Wanted::List(filter, Form::Json)
        };
        let get = |wanted: &Wanted| {
            shelf.reply(wanted, PageLayout::default(), &HeaderMap::new()).map(|_| ())
        };
        for one in b'A'..=b'Z' {
            for other in b'A'..=b'Z' {
                let country = String::from_utf8(vec![one, other]).unwrap();
                assert!(get(&of(&country)).is_ok(), "{country}");
            }
        }
        assert_eq!(shelf.kept().pages.len(), 1);
        assert_eq!(get(&Wanted::Mirror("b".into(), Form::Json)), Err(NotThere::no_mirror()));
        assert_eq!(shelf.kept().pages.len(), 1);
        assert_eq!(shelf.kept().n_filtered, 1);
        // There is always a place for what everybody wants.
        shelf.kept().n_bytes = MAX_BYTES;
        shelf.kept().n_filtered = MAX_FILTERED;
        for wanted in [Wanted::List(Filter::default(), Form::Json), Wanted::Mirmon] {
            assert!(get(&wanted).is_ok());
            assert!(shelf.kept().common.contains_key(&wanted), "{wanted:?}");
        }
        assert!(get(&Wanted::Mirror("a".into(), Form::Json)).is_ok());
        assert_eq!(shelf.kept().pages.len(), 1);
    }
}
