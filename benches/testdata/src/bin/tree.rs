//! Makes a tree of empty packages for measuring scans: 100,000 directories with a million files, as large as
//! Fedora's; one directory in two hundred is a repository with an index.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

/// Files in a directory of packages.
const FILES_PER_DIRECTORY: u64 = 10;
/// Directories of packages in a repository.
const DIRECTORIES_PER_REPOSITORY: u64 = 200;

/// Make a tree of empty packages and small repositories.
#[derive(Parser)]
#[command(name = "tree")]
struct Options {
    /// Folder to make; it must not exist.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// How many files, in directories of ten.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    files: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match make(&options) {
        Ok(n) => {
            if io::stdout().is_terminal() {
                // A terminal that is gone is no failure.
                let _ = writeln!(io::stdout(), "{}: {n} files", options.out.display());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "{}: {error}", options.out.display());
            ExitCode::FAILURE
        }
    }
}

fn make(options: &Options) -> io::Result<u64> {
    fs::create_dir(&options.out)?;
    let n_directories = options.files.div_ceil(FILES_PER_DIRECTORY);
    for number in 0..n_directories {
        let repository = number / DIRECTORIES_PER_REPOSITORY;
        let top = options
            .out
            .join(format!("releases/{}/Everything/x86_64/os-{repository}", 30 + repository % 12));
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
