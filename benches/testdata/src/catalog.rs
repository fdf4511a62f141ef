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
}

impl Shape {
    /// Larger than any distribution that is known: 2,000 mirrors, 100,000 directories.
    pub fn large() -> Self {
        Self { mirrors: 2_000, directories: 100_000 }
    }

    /// The directories of the primary tree, in ascending order, with all those in which they lie; the
    /// first is the tree itself. Those that end with `/repodata` are the indexes of repositories.
    pub fn directories(&self) -> Vec<String> {
        let n_places = REPOSITORIES.len() * VERSIONS.len() * ARCHES.len();
        let per_place = (self.directories / n_places).saturating_sub(3);
        let mut names = vec![String::new()];
        for version in VERSIONS {
            names.push(version.to_owned());
            for repository in REPOSITORIES {
                names.push(format!("{version}/{repository}"));
                for arch in ARCHES {
                    let place = format!("{version}/{repository}/{arch}");
                    names.push(format!("{place}/os/repodata"));
                    names.push(format!("{place}/os/Packages"));
                    let packages = (0..per_place).map(|n| format!("{place}/os/Packages/p{n:05}"));
                    names.extend(packages);
                    names.push(format!("{place}/os"));
                    names.push(place);
                }
            }
        }
        names.sort_unstable();
        names
    }
}

/// Writes the catalog as a folder with one mirror a file.
pub fn write(shape: &Shape, folder: &Path) -> io::Result<()> {
    let list = |items: &[&str]| format!("[\"{}\"]", items.join("\", \""));
    let mut text =
        "[distribution]\nname = \"Large\"\norigin = \"https://origin.example/pub\"\n".to_owned();
    for name in REPOSITORIES {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n[[repository]]\nname = \"{name}\"\nversions = {}\narches = {}\n\
             path = \"{{version}}/{name}/{{arch}}/os\"\ngroups = [\"group{}\"]\n",
            list(&VERSIONS),
            list(&ARCHES),
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
        if rng.permille(300) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_as_large_as_asked_and_in_order() {
        let names = Shape::large().directories();
        assert!((95_000..=105_000).contains(&names.len()), "{}", names.len());
        assert!(names.is_sorted_by(|one, next| one < next));
    }
}
