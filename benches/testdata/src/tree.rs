//! A tree of empty packages and small repositories, to measure scans.
//!
//! A directory of packages holds ten files, and a repository 200 such directories: a million files in
//! 100,000 directories are as large as Fedora's tree.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Files in a directory of packages.
const FILES_PER_DIRECTORY: u64 = 10;
/// Directories of packages in a repository.
const DIRECTORIES_PER_REPOSITORY: u64 = 200;

/// Makes a tree of at least `files` packages in a folder that must not exist; returns how many there are.
pub fn make(out: &Path, files: u64) -> io::Result<u64> {
    fs::create_dir(out)?;
    let n_directories = files.div_ceil(FILES_PER_DIRECTORY);
    for number in 0..n_directories {
        let repository = number / DIRECTORIES_PER_REPOSITORY;
        let release = 30 + repository % 12;
        let top = out.join(format!("releases/{release}/Everything/x86_64/os-{repository}"));
        if number % DIRECTORIES_PER_REPOSITORY == 0 {
            make_repodata(&top, repository)?;
        }
        let directory = top.join(format!("Packages/{:03}", number % DIRECTORIES_PER_REPOSITORY));
        fs::create_dir_all(&directory)?;
        for file in 0..FILES_PER_DIRECTORY {
            let name = format!("package-with-a-usual-name-{number}-{file}.fc41.x86_64.rpm");
            File::create(directory.join(name))?;
        }
    }
    Ok(n_directories * FILES_PER_DIRECTORY)
}

fn make_repodata(top: &Path, number: u64) -> io::Result<()> {
    let folder = top.join("repodata");
    fs::create_dir_all(&folder)?;
    let mut data = String::new();
    for kind in ["primary", "filelists", "other", "updateinfo", "group"] {
        let name = format!("{number:064x}-{kind}.xml.gz");
        File::create(folder.join(&name))?;
        data += &format!(
            "  <data type=\"{kind}\">\n    <checksum type=\"sha256\">{number:064x}</checksum>\n    \
             <location href=\"repodata/{name}\"/>\n    <timestamp>{}</timestamp>\n    \
             <size>0</size>\n  </data>\n",
            1_795_000_000 + number
        );
    }
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <repomd xmlns=\"http://linux.duke.edu/metadata/repo\">\n{data}</repomd>\n"
    );
    fs::write(folder.join("repomd.xml"), text)
}
