//! Catalogs of text files: what they say is what clients get.

mod almalinux;
mod answers;
mod command_line;
mod demo;
mod import;
mod mirrors;
mod reloads;
mod routes;
mod shipped;
mod tree;
mod tree_twin;

use std::path::PathBuf;

use answer::Options;
use index::Index;
use sources::{CatalogFormat, GeographyFiles, Inputs, TextCatalog};
use tempfile::TempDir;
use testdata::mmdb::{self, Layout};

use crate::fixture::Server;
use serve::build_snapshot::{Error, build};

/// The smallest catalog, and two mirrors.
const SMALLEST: &str = r#"
[distribution]
name   = "Example Linux"
origin = "https://download.example.org/pub/example"

[[repository]]
name     = "baseos"
versions = ["9", "10"]
arches   = ["x86_64", "aarch64"]
path     = "{version}/BaseOS/{arch}/os"

[[mirror]]
key       = "berlin"
urls      = ["https://mirror.berlin.example/example", "rsync://mirror.berlin.example/example"]
country   = "DE"
bandwidth = "10 Gbit/s"

[[mirror]]
key      = "campus"
urls     = ["https://mirror.campus.example/example"]
country  = "FR"
networks = ["192.0.2.0/24", "2001:db8:100::/48"]
private  = true
"#;

/// Where some networks are.
const COUNTRIES: [(&str, &str); 4] = [
    ("192.0.2.0/24", "DE"),
    ("198.51.100.0/24", "FR"),
    ("203.0.113.0/24", "JP"),
    ("198.18.0.0/24", "US"),
];

/// A catalog with what goes with it, as files.
struct Files {
    folder: TempDir,
    with_index: bool,
}

impl Files {
    /// A catalog of one file. A country database says where some networks are.
    fn new(catalog: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("catalog.toml"), catalog).unwrap();
        let database = mmdb::write(Layout::GeoLite2, &COUNTRIES);
        std::fs::write(folder.path().join("country.mmdb"), database).unwrap();
        std::fs::write(folder.path().join("systems.txt"), "198.51.100.0/24 64500\n").unwrap();
        Self { folder, with_index: false }
    }

    fn with_index(mut self, index: &Index) -> Self {
        index.write(&self.path("tree.index")).unwrap();
        self.with_index = true;
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn inputs(&self) -> Inputs {
        self.inputs_of(CatalogFormat::Toml, self.path("catalog.toml"))
    }

    /// Another catalog, with the same files beside it.
    fn inputs_of(&self, format: CatalogFormat, catalog: PathBuf) -> Inputs {
        Inputs::Catalog(TextCatalog {
            catalog,
            format,
            index: self.with_index.then(|| self.path("tree.index")),
            findings: None,
            geography: GeographyFiles {
                global_netblocks: Some(self.path("systems.txt")),
                country_continent: None,
                country_table: Some(self.path("country.mmdb")),
            },
        })
    }

    fn try_serve(&self) -> Result<Server, Error> {
        Ok(Server::new(build(&self.inputs(), None)?, &Options::default()))
    }

    #[track_caller]
    fn serve(&self) -> Server {
        self.try_serve().unwrap_or_else(|error| panic!("the catalog is refused:\n{error}"))
    }

    /// The lines of the report, without the path of the folder.
    fn report(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        self.serve().report.lines().iter().map(|line| line.replace(&folder, "")).collect()
    }
}

/// Serves a catalog without an index.
#[track_caller]
fn serve(catalog: &str) -> Server {
    Files::new(catalog).serve()
}

/// The names of the mirrors in a text list, in the order of the list.
#[track_caller]
fn mirrors(server: &Server, request: &str) -> String {
    let answer = server.get(request);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let names = answer.urls().into_iter().map(|url| {
        let host = url.split('/').nth(2).unwrap_or_default().to_owned();
        host.split('.').find(|label| *label != "mirror").unwrap_or_default().to_owned()
    });
    names.collect::<Vec<_>>().join(" ")
}
