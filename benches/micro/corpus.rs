//! What the micro benches work on: a compiled snapshot and its requests.

use std::net::IpAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::LazyLock;

use answer::alias::Aliases;
use answer::candidates::Workspace;
use answer::criteria::{Criteria, SelectionOrder};
use answer::document::{Document, Ending, push_url_tail};
use answer::policy::Policy;
use answer::query::Query;
use answer::requester::Requester;
use answer::selection::Selection;
use answer::shaping::{Choice, Shaping};
use answer::target::{self, Target, Wanted};
use answer::trace::NoTrace;
use answer::{self, Edition, Endpoint, Format, Options, Request, Scratch};
use catalog::Report;
use compile::{Compiled, compile};
use encode::text::Text;
use fastrand::Rng;
use model::url::{Protocol, ProtocolSet};
use serve::build_snapshot::build;
use snapshot::{FileView, Snapshot};
use sources::Inputs;
use support::data;
use testdata::fedora::Shape;

/// The moment of every answer: the `Date` of a test must not move.
pub(crate) const NOW: u64 = 1_790_000_123;
/// The body size whose render time has a target.
const USUAL_METALINK: usize = 28 * 1024;

pub(crate) static CORPUS: LazyLock<Corpus> = LazyLock::new(Corpus::load);
/// The same data with routes.
pub(crate) static ROUTED: LazyLock<Edition> = LazyLock::new(|| {
    let notes = routes::notation::read(
        "route list\n\
         path /list/{repo}\n\
         query arch arch\n\
         query country country?\n\
         query protocol protocol?\n\
         query countme countme?\n\
         target repo {repo}\n\
         target arch {arch}\n\
         route by-version\n\
         path /mirrorlist/{version}/{repo}\n\
         target repo {repo}-{version}\n\
         target arch x86_64",
    );
    let (table, _) = routes::compile(&notes.routes, &notes.maps, &notes.names);
    let mut report = Report::default();
    let inputs = Inputs::MirrorManager(data::inputs(&CORPUS.folder));
    let mut catalog = inputs.read(&mut report).expect("generated data can be read");
    catalog.routes = table.expect("good routes").stored().clone();
    Edition::new(compile(catalog, report, None).expect("generated data compile").snapshot)
});

pub(crate) struct Corpus {
    pub(crate) folder: PathBuf,
    pub(crate) edition: Edition,
    /// The bytes of the snapshot file.
    pub(crate) bytes: Vec<u8>,
    pub(crate) requests: Vec<Asked>,
    /// The request whose metalink is nearest to 28 KB.
    pub(crate) usual: Asked,
}

/// One line of `requests.txt`.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) query: String,
    pub(crate) client: IpAddr,
}

impl Corpus {
    fn load() -> Self {
        let folder = match find_full() {
            Some(folder) => folder,
            None => data::prepare("small", &Shape::small()).expect("small data can be written"),
        };
        eprintln!("data: {}", folder.file_name().unwrap_or_default().display());
        let Compiled { snapshot, bytes, .. } =
            build(&Inputs::MirrorManager(data::inputs(&folder)), None)
                .expect("generated data compile");
        let edition = Edition::new(snapshot);
        let requests: Vec<_> = data::requests(&folder)
            .expect("generated data hold requests")
            .into_iter()
            .filter_map(|(target, client)| {
                let query = target.split_once('?')?.1.to_owned();
                Some(Asked { query, client: client.parse().ok()? })
            })
            .collect();
        let distance =
            |asked: &&Asked| metalink(&edition, asked).as_bytes().len().abs_diff(USUAL_METALINK);
        let usual = requests.iter().take(2_000).min_by_key(distance).expect("requests").clone();
        eprintln!("the usual metalink has {} bytes", metalink(&edition, &usual).as_bytes().len());
        Self { folder, edition, bytes, requests, usual }
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        self.edition.snapshot()
    }

    /// The requests, again and again.
    pub(crate) fn cycle(&'static self) -> impl FnMut() -> &'static Asked {
        let mut requests = self.requests.iter().cycle();
        move || requests.next().expect("a cycle does not end")
    }
}

/// Full-size data that is there already.
fn find_full() -> Option<PathBuf> {
    let named = std::env::var_os(data::VARIABLE).map(PathBuf::from);
    named.or_else(|| Some(data::cache_folder().join("fedora")).filter(|folder| folder.exists()))
}

fn metalink(edition: &Edition, asked: &Asked) -> Text {
    // The mirrors are the same whatever their order; only numbers change places.
    let mut body = Text::default();
    let mut rng = Rng::with_seed(1);
    let (options, mut scratch) = (Options::default(), Scratch::default());
    respond(edition, &options, Format::Metalink, asked, &mut rng, &mut scratch, &mut body);
    body
}

/// A whole answer.
pub(crate) fn respond(
    edition: &Edition,
    options: &Options,
    format: Format,
    asked: &Asked,
    rng: &mut Rng,
    scratch: &mut Scratch,
    body: &mut Text,
) {
    let request = Request {
        endpoint: Endpoint::BuiltIn(format),
        query: &asked.query,
        requester: Requester::untrusted(asked.client),
        host: "",
        now: NOW,
    };
    let reply = answer::respond(edition, options, &request, rng, scratch, body);
    divan::black_box(reply);
}

/// The answers of the profile `modern`.
pub(crate) fn modern() -> Options {
    Options {
        policy: Policy::Nearest,
        families: true,
        redirect_retry: NonZeroU64::new(60),
        shaping: Shaping::modern(),
        ..Options::default()
    }
}

/// What is known of a request when mirrors are chosen.
pub(crate) struct Prepared<'a> {
    pub(crate) target: Target<'a, 'a>,
    pub(crate) client: IpAddr,
    pub(crate) file: Option<FileView<'a>>,
    pub(crate) choice: Choice<'a>,
    pub(crate) url_tail: String,
    names_contributions: bool,
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(edition: &'a Edition, format: Format, asked: &'a Asked) -> Self {
        let snapshot = edition.snapshot();
        let query = Query::parse(&asked.query, &Options::default()).expect("a valid query");
        let wanted = Wanted::of_query(&query);
        let target =
            target::resolve(edition, &Aliases::default(), &wanted, format, &mut String::new());
        let target = target.ok().expect("a live repository");
        let file = snapshot.find_file(&target.directory, &target.file);
        let (protocols, per_host) = match format {
            Format::Metalink => (ProtocolSet::ALL, None),
            _ => (ProtocolSet::TEXT, Some(1)),
        };
        let choice = Choice { protocols, order: &Protocol::ALL, per_host, repeated: &[] };
        let mut url_tail = String::new();
        push_url_tail(&target, Ending::default(), &mut url_tail);
        let names_contributions = format == Format::Mirrorlist;
        Self { target, client: asked.client, file, choice, url_tail, names_contributions }
    }

    pub(crate) fn criteria(&self, snapshot: &Snapshot) -> Criteria<'a> {
        Criteria {
            directory: self.target.directory,
            client: self.client.into(),
            area: snapshot.find_area(self.client.into()),
            location: snapshot.find_location(self.client.into()),
            enough: usize::MAX,
            sharing: None,
            speaks: None,
            is_single: false,
            position: None,
            countries: None,
            netblocks: true,
            private: true,
            excluded: &[],
            left_out: None,
            ip_version: None,
            protocols: self.choice.protocols,
            minimum: Options::default().minimum,
            names_contributions: self.names_contributions,
            country_only: false,
            order: SelectionOrder::Tiers,
        }
    }

    pub(crate) fn document<'d>(&'d self, memory: &'d Memory) -> Document<'d> {
        Document {
            edition: &CORPUS.edition,
            target: &self.target,
            selection: &memory.selection,
            choice: self.choice,
            fallback: None,
            url_tail: &self.url_tail,
            ending: Ending::default(),
        }
    }

    pub(crate) fn select_nearest(
        &self,
        snapshot: &Snapshot,
        enough: usize,
        rng: &mut Rng,
        memory: &mut Memory,
    ) {
        let Memory { workspace, selection } = memory;
        let order = SelectionOrder::Nearest;
        let criteria = Criteria { order, enough, ..self.criteria(snapshot) };
        answer::select::select(snapshot, &criteria, rng, workspace, selection, &mut NoTrace);
    }

    pub(crate) fn select(&self, snapshot: &Snapshot, rng: &mut Rng, memory: &mut Memory) {
        let Memory { workspace, selection } = memory;
        let criteria = self.criteria(snapshot);
        answer::select::select(snapshot, &criteria, rng, workspace, selection, &mut NoTrace);
    }
}

/// What a worker uses again.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) workspace: Workspace,
    pub(crate) selection: Selection,
}
