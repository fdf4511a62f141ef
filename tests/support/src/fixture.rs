//! Inputs of tests as data, and answers as text.
//!
//! A [`World`] holds all input files, as MirrorManager and other tools export them; [`World::standard`]
//! is a small one in which every kind of mirror, network and repository occurs once, so that most
//! answers have only one possible order. [`World::serve`] compiles it as the program does, and
//! [`Server::get`] answers requests, so that tests need not know how.

use std::net::IpAddr;
use std::path::Path;

use answer::explain::{self as explained, Explanation, NoList};
use answer::requester::Requester;
use answer::{Edition, Endpoint, Options, Reply, Request, Scratch, Status, explain, respond};
use catalog::Report;
use catalog::records::Catalog;
use checks::findings::{Cause, Findings};
use compile::{Compiled, compile, findings};
use encode::append::Append;
use encode::text::Text;
use model::families::{Families, IpVersion};
use model::ids::HostId;
use model::mirror_key::MirrorKey;
use model::repository::split_key;
use routes::{CatalogNames, notation};
use serve::build_snapshot::{self, build};
use snapshot::Snapshot;
use sources::{Inputs, MirrorManagerFiles};
use testdata::Message as _;
use testdata::mirrormanager::{
    FileDetailsCacheDirectoryType, FileDetailsCacheFilesType, FileDetailsType, IntIntMap,
    IntRepeatedIntMap, IntRepeatedStringMap, IntStringMap, MirrorList, MirrorListCacheType,
    StringBoolMap, StringRepeatedIntMap, StringStringMap,
};
use testdata::mmdb::{self, Layout};

use crate::golden;

/// A client's address in no network of the standard world.
pub const NOWHERE: &str = "198.18.255.1";
/// The time of requests: Sat, 21 Nov 2026 11:01:29 GMT.
pub const NOW: u64 = 1_795_258_889;

/// The clients that a mirror is listed for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    Public,
    Private,
}
pub use Audience::{Private, Public};

/// All inputs, before they are written to files.
#[derive(Clone)]
pub struct World {
    pub list: MirrorList,
    /// `global_netblocks.txt`.
    pub netblocks: String,
    /// `country_continent.csv`.
    pub continents: String,
    /// Prefix and country of the country database.
    pub countries: Vec<(&'static str, &'static str)>,
    pub layout: Layout,
    /// The bytes of a country database that replaces `countries`.
    pub database: Option<Vec<u8>>,
    pub options: Options,
    /// Mirrors that the clients of their networks and autonomous systems get alone, by number.
    /// MirrorManager's data cannot say this.
    pub monopolies: Vec<i64>,
    /// Mirrors that work over this version of IP alone, by the first label of their hosts. MirrorManager's
    /// data cannot say this either.
    pub of_one_version: Vec<(&'static str, IpVersion)>,
    /// Mirrors with the most of their clients for whom they are first, in percent, by number. Nor this.
    pub max_shares: Vec<(i64, u8)>,
    /// What checks have found out of the mirrors, by their numbers.
    pub findings: Findings,
    /// The routes of the catalog, in the notation of [`routes::notation`]. MirrorManager's data have none.
    pub routes: String,
    /// Names of repositories that routes ask for without an architecture, each with the directory in which
    /// `{arch}` stands for it.
    pub path_templates: Vec<(&'static str, &'static str)>,
    /// Categories with keys `repo+arch`.
    pub categories: Vec<(&'static str, Vec<&'static str>)>,
    /// Number, country and audience of each mirror, for [`World::directory`].
    mirrors: Vec<(i64, &'static str, Audience, usize)>,
}

impl World {
    /// A world with networks and continents, but no mirrors and no directories.
    pub fn empty() -> Self {
        Self {
            list: MirrorList { time: 1_790_000_000, ..Default::default() },
            netblocks: "\
                192.0.2.0/24 64496\n\
                192.0.2.128/25 64500\n\
                198.51.100.0/24 64500\n\
                198.51.100.64/26 None\n\
                203.0.113.0/24 64497\n\
                2001:db8:1000::/36 64500\n"
                .into(),
            continents: "\
                \"iso 3166 country\",\"continent code\"\n\
                \"DE\",\"EU\"\n\"FR\",\"EU\"\n\"ES\",\"EU\"\n\"US\",\"NA\"\n\"CA\",\"NA\"\n\
                \"JP\",\"AS\"\n\"BR\",\"SA\"\n\"AU\",\"OC\"\n"
                .into(),
            countries: vec![
                ("192.0.2.0/24", "DE"),
                ("198.51.100.0/24", "FR"),
                ("203.0.113.0/24", "JP"),
                ("198.18.0.0/24", "US"),
                ("198.18.1.0/24", "BR"),
                ("198.18.2.0/24", "AU"),
                ("2001:db8::/36", "DE"),
                ("2001:db8:1000::/36", "FR"),
            ],
            layout: Layout::GeoLite2,
            database: None,
            options: Options::default(),
            monopolies: Vec::new(),
            of_one_version: Vec::new(),
            max_shares: Vec::new(),
            findings: Findings::default(),
            routes: String::new(),
            path_templates: Vec::new(),
            categories: Vec::new(),
            mirrors: Vec::new(),
        }
    }

    /// A world with one of everything. Its networks: `192.0.2.0/24` is German, its upper half is the
    /// campus, and the upper quarter the lab within it; `198.51.100.0/24` is French and the ISP's own
    /// system, but for `.64/26`; `203.0.113.0/24` is Japanese, `198.18.0.0/24` American.
    pub fn standard() -> Self {
        let mut world = Self::empty();
        world.mirror(1, "DE", 1_000, Public, &["https", "http", "rsync"], "berlin");
        world.mirror(2, "DE", 100, Private, &["https", "http"], "campus");
        world.mirror(3, "FR", 2_000, Public, &["http", "ftp"], "isp");
        // Plain HTTP stands first in the data.
        world.mirror(4, "ES", 100, Public, &["http", "https"], "madrid");
        world.mirror(5, "US", 1_000, Public, &["https"], "newyork");
        world.mirror(6, "JP", 1_000, Public, &["https", "http"], "tokyo");
        world.mirror(7, "DE", 10, Private, &["https"], "lab");
        world.mirror(8, "CA", 10, Public, &["rsync"], "toronto");
        world.restrict(6, &["JP"]);
        let list = &mut world.list;
        list.host_asn_cache = vec![IntRepeatedIntMap::new(64_500, [3])];
        list.host_netblock_cache = vec![
            StringRepeatedIntMap::new("192.0.2.128/25", [2]),
            StringRepeatedIntMap::new("192.0.2.192/26", [7]),
            StringRepeatedIntMap::new("2001:db8:100::/48", [2]),
        ];
        list.netblock_country_cache = vec![StringStringMap::new("198.18.0.128/25", "CA")];
        list.repository_redirect_cache = vec![StringStringMap::new("latest", "main-9")];
        list.disabled_repository_cache =
            vec![StringBoolMap::new("old-8", true), StringBoolMap::new("main-9", false)];

        let all = [1, 2, 3, 4, 5, 6, 7, 8];
        world.directory("pub/test", "", &all);
        for (repo, path) in [
            ("main-9+x86_64", "9/x86_64"),
            ("main-source-9+source", "9/source"),
            ("plain-9+x86_64", "9/plain"),
            ("old-8+x86_64", "8/x86_64"),
        ] {
            let name = format!("pub/test/{path}");
            world.repository(repo, &name);
            world.directory(&name, path, &all);
            // Without the rsync mirror: a metalink would list it, in one of two possible orders.
            world.directory(
                &format!("{name}/repodata"),
                &format!("{path}/repodata"),
                &[1, 2, 3, 4, 5, 6, 7],
            );
        }
        world.repository("gone-7+x86_64", "pub/test/7/x86_64");
        world.directory("pub/test/9/c++ notes", "9/c++ notes", &all);
        world.directory("pub/test/9/images", "9/images", &all);
        world.file("pub/test/9/x86_64/repodata", "repomd.xml", &[details(3, '3'), details(2, '2')]);
        world.file("pub/test/9/source/repodata", "repomd.xml", &[details(4, '4')]);
        let unknown = FileDetailsType { sha256: details(1, '5').sha256, ..Default::default() };
        world.file("pub/test/9/images", "a&b <1>.iso", &[unknown]);
        world
    }

    /// Adds a mirror with the base URLs `PROTOCOL://NAME.example/test`. URL ids are ten times the
    /// number and up.
    pub fn mirror(
        &mut self,
        number: i64,
        country: &'static str,
        bandwidth: i64,
        audience: Audience,
        protocols: &[&str],
        name: &str,
    ) {
        if !country.is_empty() {
            self.list.host_country_cache.push(IntStringMap::new(number, country));
        }
        self.list.host_bandwidth_cache.push(IntIntMap::new(number, bandwidth));
        for (id, protocol) in (number * 10..).zip(protocols) {
            let url = format!("{protocol}://{name}.example/test");
            self.list.hc_url_cache.push(IntStringMap::new(id, url));
        }
        self.mirrors.push((number, country, audience, protocols.len()));
    }

    /// Restricts a mirror to clients in these countries.
    pub fn restrict(&mut self, number: i64, countries: &[&str]) {
        let countries: Vec<_> = countries.iter().map(|&country| country.to_owned()).collect();
        self.list.host_country_allowed_cache.push(IntRepeatedStringMap::new(number, countries));
    }

    /// Adds a directory that these mirrors carry.
    pub fn directory(&mut self, name: &str, subpath: &str, carriers: &[i64]) {
        let mut directory = MirrorListCacheType {
            directory: name.into(),
            subpath: Some(subpath.into()),
            ..Default::default()
        };
        for &(number, country, audience, n_urls) in &self.mirrors {
            if !carriers.contains(&number) {
                continue;
            }
            let urls: Vec<_> = (number * 10..).take(n_urls).collect();
            directory.by_host_id.push(IntRepeatedIntMap::new(number, urls));
            if audience == Private {
                continue;
            }
            directory.global.push(number);
            match directory.by_country.iter_mut().find(|entry| entry.key == country) {
                Some(entry) => entry.value.push(number),
                None if country.is_empty() => {}
                None => directory.by_country.push(StringRepeatedIntMap::new(country, [number])),
            }
        }
        self.list.mirror_list_cache.push(directory);
    }

    /// Adds a `repo+arch`.
    pub fn repository(&mut self, key: &str, directory: &str) {
        self.list.repo_arch_to_directory_name.push(StringStringMap::new(key, directory));
    }

    /// Adds the versions of a file.
    pub fn file(&mut self, directory: &str, name: &str, versions: &[FileDetailsType]) {
        self.list.file_details_cache.push(FileDetailsCacheDirectoryType {
            directory: directory.into(),
            file_details_cache_files: vec![FileDetailsCacheFilesType {
                filename: name.into(),
                file_details: versions.to_vec(),
            }],
        });
    }

    /// Compiles the four files as the program does.
    pub fn compile(&self) -> Result<Compiled, build_snapshot::Error> {
        self.compile_bytes(&self.list.encode_to_vec())
    }

    /// Compiles with these bytes for the protobuf.
    pub fn compile_bytes(&self, cache: &[u8]) -> Result<Compiled, build_snapshot::Error> {
        let folder = tempfile::tempdir().unwrap();
        let files = self.write(folder.path(), cache);
        let inputs = Inputs::MirrorManager(files);
        let is_plain = self.monopolies.is_empty() && self.of_one_version.is_empty();
        let is_plain = is_plain && self.findings == Findings::default();
        if is_plain && self.routes.is_empty() && self.max_shares.is_empty() {
            return build(&inputs, None);
        }
        let mut report = Report::default();
        let mut catalog = inputs.read(&mut report)?;
        let has_monopoly = |key: &MirrorKey| matches!(key, MirrorKey::Number(number) if self.monopolies.contains(number));
        let hosts = (0..).map(HostId).zip(&catalog.mirrors);
        let hosts = hosts.filter(|(_, mirror)| has_monopoly(&mirror.key));
        catalog.monopolies = hosts.map(|(host, _)| host).collect();
        for &(name, version) in &self.of_one_version {
            let urls = catalog.urls.iter().zip(&mut catalog.url_families);
            for (_, families) in urls.filter(|(url, _)| url.contains(&format!("://{name}."))) {
                *families = Families::only([version]);
            }
        }
        for &(number, max_share) in &self.max_shares {
            let of = |key: &MirrorKey| matches!(key, MirrorKey::Number(own) if *own == number);
            let mirrors = catalog.mirrors.iter_mut().filter(|mirror| of(&mirror.key));
            mirrors.for_each(|mirror| mirror.max_share = max_share);
        }
        self.add_routes(&mut catalog);
        findings::apply(&self.findings, "findings.json", &mut catalog, &mut report)?;
        Ok(compile(catalog, report, None)?)
    }

    /// Adds what only catalogs of our own can say.
    fn add_routes(&self, catalog: &mut Catalog) {
        let find = |key: &&str| {
            let found = catalog.repositories.iter().find(|known| known.key == **key);
            found.and_then(|found| found.directory).expect("a repository with a directory")
        };
        for (name, keys) in &self.categories {
            let mut directories: Vec<_> = keys.iter().map(find).collect();
            directories.sort();
            catalog.categories.push(((*name).to_owned(), directories));
        }
        let templates = self.path_templates.iter();
        catalog.path_templates =
            templates.map(|&(name, path)| (name.to_owned(), path.to_owned())).collect();
        catalog.path_templates.sort();
        let notes = notation::read(&self.routes);
        let arches = catalog.repositories.iter().filter_map(|known| split_key(&known.key));
        let names = CatalogNames {
            arches: arches.map(|(_, arch)| arch.to_owned()).collect(),
            ..CatalogNames::default()
        };
        let (table, faults) = routes::compile(&notes.routes, &notes.maps, &names);
        let Some(table) = table else { panic!("the routes are wrong: {faults:#?}") };
        catalog.routes = table.stored().clone();
    }

    /// Writes the four files.
    pub fn write(&self, folder: &Path, cache: &[u8]) -> MirrorManagerFiles {
        let files = files_in(folder);
        std::fs::write(&files.cache, cache).unwrap();
        std::fs::write(&files.global_netblocks, &self.netblocks).unwrap();
        std::fs::write(&files.country_continent, &self.continents).unwrap();
        let database = self.database.clone();
        let database = database.unwrap_or_else(|| mmdb::write(self.layout, &self.countries));
        std::fs::write(&files.geoip, database).unwrap();
        files
    }

    /// Compiles the world, and returns a server that answers from it.
    #[track_caller]
    pub fn serve(&self) -> Server {
        match self.compile() {
            Ok(compiled) => Server::new(compiled, &self.options),
            Err(error) => panic!("the world cannot be compiled: {error}"),
        }
    }
}

/// The four files in a folder, with the names that tests expect in messages.
pub fn files_in(folder: &Path) -> MirrorManagerFiles {
    MirrorManagerFiles {
        cache: folder.join("cache.proto"),
        global_netblocks: folder.join("netblocks.txt"),
        country_continent: folder.join("continents.csv"),
        geoip: folder.join("country.mmdb"),
        findings: None,
    }
}

/// A cause of findings.
pub fn cause(reason: &str) -> Cause {
    Cause::new(reason, NOW - 3_600)
}

/// Details of a file version whose digests repeat one digit, at the right length.
pub fn details(age: u64, digit: char) -> FileDetailsType {
    let hex = |n: usize| Some(String::from(digit).repeat(n));
    FileDetailsType {
        time_stamp: 1_789_000_000 + age,
        size: 8_000 + age,
        sha1: hex(40),
        md5: hex(32),
        sha256: hex(64),
        sha512: hex(128),
    }
}

/// A compiled world that answers requests.
pub struct Server {
    pub edition: Edition,
    pub report: Report,
    pub options: Options,
}

/// An answer as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub location: Option<String>,
    /// `Link`, in redirects.
    pub link: Option<String>,
    /// For how many seconds caches may keep the answer.
    pub cache_seconds: Option<u32>,
    /// `REPO+ARCH BUCKET`, if the request is counted.
    pub countme: Option<String>,
    /// `IP COUNTRY REPO ARCH`, if the request is to be logged.
    pub log: Option<String>,
    /// How the best mirror was found, as `Debug` shows it.
    pub found: Option<String>,
    pub body: String,
}

impl Server {
    /// A server that answers with these options.
    pub fn new(compiled: Compiled, options: &Options) -> Self {
        let Compiled { snapshot, report, .. } = compiled;
        Self { edition: Edition::new(snapshot), report, options: options.clone() }
    }

    /// The snapshot that requests are answered from.
    pub fn snapshot(&self) -> &Snapshot {
        self.edition.snapshot()
    }

    /// Answers `/mirrorlist?repo=… from ADDRESS`; the default address is `NOWHERE`.
    #[track_caller]
    pub fn get(&self, request: &str) -> Answer {
        self.get_seeded(request, 1)
    }

    /// Answers a request as `get` does, with this seed.
    #[track_caller]
    pub fn get_seeded(&self, request: &str, seed: u64) -> Answer {
        let request = parse_request(&self.edition, request);
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut body = used_text();
        let mut scratch = Scratch::default();
        let reply =
            respond(&self.edition, &self.options, &request, &mut rng, &mut scratch, &mut body);
        Answer::new(reply, String::from_utf8(body.into_bytes()).expect("documents are UTF-8"))
    }

    /// Explains the answer to a request with this seed.
    #[track_caller]
    pub fn explain_seeded(&self, request: &str, seed: u64) -> Result<Explanation<'_>, NoList> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let request = parse_request(&self.edition, request);
        let audience = explained::Audience::Operator;
        explain(&self.edition, &self.options, &request, audience, &mut rng)
    }
}

#[track_caller]
fn parse_request<'a>(edition: &'a Edition, request: &'a str) -> Request<'a> {
    let (target, client) = request.split_once(" from ").unwrap_or((request, NOWHERE));
    let client: IpAddr = client.parse().expect("tests name clients by their address");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let host = "mirrors.example";
    let endpoint = Endpoint::find(edition, host, path, query).expect("tests ask for what is there");
    // As with the default list of trusted proxies.
    let requester = Requester { address: client, is_trusted: client.is_loopback() };
    Request { endpoint, query, requester, host, now: NOW }
}

/// A buffer whose memory has held another body, as that of a worker.
pub fn used_text() -> Text {
    let mut text = Text::default();
    text.push_str(&"#".repeat(4_096));
    text.clear();
    text
}

impl Answer {
    fn new(reply: Reply<'_>, body: String) -> Self {
        Self {
            status: match reply.status {
                Status::Ok => 200,
                Status::Found => 302,
                Status::BadRequest => 400,
                Status::NotFound => 404,
            },
            content_type: reply.content_type.to_owned(),
            location: reply.redirect.as_ref().map(|redirect| redirect.location.clone()),
            link: reply.redirect.and_then(|redirect| redirect.link),
            cache_seconds: reply.cache_seconds,
            countme: reply.countme.map(|entry| {
                format!("{} {:?}", entry.repository.unwrap_or_default(), entry.bucket)
            }),
            log: reply.log.map(|log| {
                let country = log.country.map_or("N/A".into(), |country| country.to_string());
                format!("{} {country} {} {}", log.client, log.repo, log.arch)
            }),
            found: reply.found.map(|found| format!("{found:?}")),
            body,
        }
    }

    /// The status, then the body.
    pub fn text(&self) -> String {
        format!("{}\n{}", self.status, self.body)
    }

    /// The first line.
    pub fn header(&self) -> &str {
        self.body.lines().next().unwrap_or("")
    }

    /// The URLs of either format, unescaped as far as the tests' own URLs need it.
    pub fn urls(&self) -> Vec<String> {
        let in_metalink = |line: &str| {
            let (_, rest) = line.trim_start().strip_prefix("<url ")?.split_once('>')?;
            Some(rest.strip_suffix("</url>")?.replace("&amp;", "&"))
        };
        if self.content_type == "text/plain" {
            self.body.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
        } else {
            self.body.lines().filter_map(in_metalink).collect()
        }
    }

    /// Names of the mirrors in order, each once: `berlin` for `https://berlin.example/…`.
    pub fn mirrors(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for url in self.urls() {
            let (_, rest) = url.split_once("://").unwrap_or(("", &url));
            let name = rest.split(['.', '/']).next().unwrap_or("").to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// Checks the answer of the standard world: the status on the first line, then the body.
#[track_caller]
pub fn check(request: &str, expected: &str) {
    check_in(&World::standard(), request, expected);
}

/// Checks the answer of `world`.
#[track_caller]
pub fn check_in(world: &World, request: &str, expected: &str) {
    assert_eq!(world.serve().get(request).text(), expected, "{request}");
}

/// Checks the mirrors in answers of `world` with several seeds: tiers are separated by ` / `, and the
/// mirrors of a tier may have any order.
#[track_caller]
pub fn check_mirrors(world: &World, request: &str, tiers: &str) {
    let server = world.serve();
    for seed in 0..20 {
        let answer = server.get_seeded(request, seed);
        let mut rest = &answer.mirrors()[..];
        let mut shown = Vec::new();
        for tier in tiers.split(" / ") {
            let (here, others) = rest.split_at(tier.split_whitespace().count().min(rest.len()));
            rest = others;
            let mut here = here.to_vec();
            here.sort();
            shown.push(here.join(" "));
        }
        shown.extend(rest.iter().map(|extra| format!("unexpected {extra}")));
        assert_eq!(shown.join(" / "), tiers, "{request}\n{}", answer.text());
    }
}

/// Checks that the body equals a golden file.
#[track_caller]
pub fn check_golden(name: &str, answer: &Answer) {
    golden::check(name, &answer.body);
}
