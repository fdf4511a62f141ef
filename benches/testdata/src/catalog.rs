//! A catalog of text files and the directories of its primary tree, of any size.
//!
//! The shape that matters to a compiler: many mirrors that carry everything, a third that carry some
//! repositories or architectures, a few private ones, and far more directories than sets of mirrors.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::countries::COUNTRIES;
use crate::rng::Rng;

/// Names of repositories; each has every version and architecture.
const REPOSITORIES: [&str; 25] = [
    "baseos",
    "appstream",
    "extras",
    "crb",
    "highavailability",
    "nfv",
    "rt",
    "sap",
    "saphana",
    "resilientstorage",
    "devel",
    "plus",
    "security",
    "updates",
    "testing",
    "synergy",
    "epel",
    "epel-next",
    "epel-testing",
    "kmods",
    "virt",
    "storage",
    "cloud",
    "messaging",
    "isos",
];
const VERSIONS: [&str; 4] = ["8", "9", "10", "10-kitten"];
const ARCHES: [&str; 4] = ["x86_64", "aarch64", "ppc64le", "s390x"];

/// How large a catalog and its tree are.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Mirrors.
    pub mirrors: usize,
    /// Directories of the primary tree, about.
    pub directories: usize,
    /// Repositories; each has every version and architecture.
    pub repositories: usize,
    /// Versions.
    pub versions: usize,
    /// Architectures.
    pub arches: usize,
    /// Whether each mirror carries something else.
    pub differing: bool,
}

/// What a shape names.
struct Names {
    repositories: Vec<String>,
    versions: Vec<String>,
    arches: Vec<String>,
}

impl Shape {
    /// Larger than any distribution that is known: 2,000 mirrors, 100,000 directories.
    pub fn large() -> Self {
        Self {
            mirrors: 2_000,
            directories: 100_000,
            repositories: REPOSITORIES.len(),
            versions: VERSIONS.len(),
            arches: ARCHES.len(),
            differing: false,
        }
    }

    /// As large, with 25,000 repositories by version and architecture, of which each mirror carries others.
    pub fn differing() -> Self {
        Self { repositories: 100, versions: 25, arches: 10, differing: true, ..Self::large() }
    }

    fn names(&self) -> Names {
        let some = |known: &[&str], n: usize| {
            let more = (known.len()..n).map(|number| format!("more{number}"));
            known.iter().take(n).map(|&name| name.to_owned()).chain(more).collect()
        };
        Names {
            repositories: some(&REPOSITORIES, self.repositories),
            versions: some(&VERSIONS, self.versions),
            arches: some(&ARCHES, self.arches),
        }
    }

    /// The directories of the primary tree, in ascending order, with all those in which they lie; the
    /// first is the tree itself. Those that end with `/repodata` are the indexes of repositories.
    pub fn directories(&self) -> Vec<String> {
        let n_places = self.repositories * self.versions * self.arches;
        let per_place = (self.directories / n_places).saturating_sub(4);
        let Names { repositories, versions, arches } = self.names();
        let mut names = vec![String::new()];
        for version in versions {
            for repository in &repositories {
                for arch in &arches {
                    let place = format!("{version}/{repository}/{arch}");
                    names.push(format!("{place}/os/repodata"));
                    names.push(format!("{place}/os/Packages"));
                    let packages = (0..per_place).map(|n| format!("{place}/os/Packages/p{n:05}"));
                    names.extend(packages);
                    names.push(format!("{place}/os"));
                    names.push(place);
                }
                names.push(format!("{version}/{repository}"));
            }
            names.push(version);
        }
        names.sort_unstable();
        names
    }
}

/// Writes the catalog as a folder with one mirror a file.
pub fn write(shape: &Shape, folder: &Path) -> io::Result<()> {
    let names = shape.names();
    let mut text =
        "[distribution]\nname = \"Large\"\norigin = \"https://origin.example/pub\"\n".to_owned();
    for name in &names.repositories {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n[[repository]]\nname = \"{name}\"\nversions = {}\narches = {}\n\
             path = \"{{version}}/{name}/{{arch}}/os\"\ngroups = [\"group{}\"]\n",
            list(&names.versions),
            list(&names.arches),
            name.len() % 4
        );
    }
    std::fs::create_dir_all(folder.join("mirrors"))?;
    std::fs::write(folder.join("distribution.toml"), text)?;
    let mut rng = Rng::new(11, 0);
    let weights: Vec<u32> = COUNTRIES
        .iter()
        .scan(0, |sum, country| {
            *sum += country.host_weight;
            Some(*sum)
        })
        .collect();
    for number in 0..shape.mirrors {
        let country = COUNTRIES[rng.weighted(&weights)].code;
        let mut text = format!(
            "urls = [\"https://m{number}.example/pub\", \"http://m{number}.example/pub\"]\n\
             country = \"{country}\"\nbandwidth = {}\nasns = [{}]\n",
            10_usize.pow(1 + rng.below(4) as u32),
            1_000 + rng.below(60_000),
        );
        if rng.permille(100) {
            let _ = writeln!(
                text,
                "networks = [\"10.{}.{}.0/24\"]\nprivate = true",
                number / 250,
                number % 250
            );
        }
        if shape.differing {
            let parts = differing_parts(number, &names);
            let _ = writeln!(text, "carries = [{parts}]");
        } else if rng.permille(300) {
            let what = match rng.below(3) {
                0 => format!("\"group{}\"", rng.below(4)),
                1 => format!(
                    "\"{}\", \"{}\"",
                    REPOSITORIES[rng.below(12)],
                    REPOSITORIES[12 + rng.below(13)]
                ),
                _ => format!("{{ arches = [\"{}\"] }}, {{ what = \"baseos\" }}", rng.pick(&ARCHES)),
            };
            let _ = writeln!(text, "carries = [{what}]");
        }
        std::fs::write(folder.join(format!("mirrors/m{number}.toml")), text)?;
    }
    Ok(())
}

/// Eight parts of the tree; no other mirror has the same first one.
fn differing_parts(number: usize, names: &Names) -> String {
    let some = |names: &[String], from: usize, n: usize| {
        let some = (0..n).filter_map(|index| names.get((from + index) % names.len()));
        list(&some.cloned().collect::<Vec<_>>())
    };
    let Names { repositories, versions, arches } = names;
    let versions = some(versions, number, 10);
    let arches = some(arches, number / 25, 3);
    let part = |index: usize| {
        let repository = &repositories[(number / 250 + 7 * index) % repositories.len()];
        format!("{{ what = \"{repository}\", versions = {versions}, arches = {arches} }}")
    };
    (0..8).map(part).collect::<Vec<_>>().join(", ")
}

fn list(items: &[String]) -> String {
    format!("[\"{}\"]", items.join("\", \""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_as_large_as_asked_and_in_order() {
        for shape in [Shape::large(), Shape::differing()] {
            let names = shape.directories();
            assert!((95_000..=105_000).contains(&names.len()), "{}", names.len());
            assert!(names.is_sorted_by(|one, next| one < next));
        }
    }
}
