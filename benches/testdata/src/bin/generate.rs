//! Writes a folder of Fedora-shaped input files.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use testdata::fedora::{Shape, Written, generate};
use testdata::mmdb::Layout;

/// Write a folder of deterministic, Fedora-shaped mirror data.
///
/// The folder gets mirrorlist_cache.proto, global_netblocks.txt, country_continent.csv,
/// GeoLite2-Country.mmdb, requests.txt, and the wrk scripts metalink.lua and mirrorlist.lua. The
/// same options always give the same bytes.
#[derive(Parser)]
#[command(name = "generate")]
struct Options {
    /// Folder to write into; made if it does not exist, files in it are replaced.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// This many times the hosts, and this many times the directories.
    ///
    /// The protobuf grows with the square: at 4 it is about 16 times as large.
    #[arg(long, value_name = "N", conflicts_with_all = ["hosts_factor", "directories_factor"])]
    #[arg(value_parser = factor())]
    scale: Option<u64>,

    /// This many times the hosts, base URLs and netblocks.
    #[arg(long, value_name = "N", default_value = "1", value_parser = factor())]
    hosts_factor: u64,

    /// This many times the directories.
    #[arg(long, value_name = "N", default_value = "1", value_parser = factor())]
    directories_factor: u64,

    /// Write the mirrors of the server's built-in demo instead, as MirrorManager would export them: 21
    /// invented mirrors, six repositories.
    #[arg(long, conflicts_with_all = ["scale", "hosts_factor", "directories_factor", "small"])]
    demo: bool,

    /// Start from a shape for quick tests (20 hosts, 60 directories) instead of Fedora's.
    #[arg(long)]
    small: bool,

    /// Leave out what only real data holds: hosts without country or bandwidth, countries in
    /// lower case, host bits in prefixes, ASN lines without a number.
    #[arg(long)]
    tidy: bool,

    /// Other seeds give other data of the same shape.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Whose record layout the country table has; the file name stays the same.
    #[arg(long, value_enum, default_value = "geolite2")]
    country_layout: CountryLayout,
}

fn factor() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=64)
}

#[derive(Clone, Copy, ValueEnum)]
enum CountryLayout {
    /// {"country": {"iso_code": "DE"}, "continent": {"code": "EU"}}
    #[value(name = "geolite2")]
    GeoLite2,
    /// {"country_code": "DE"}
    IpLocationDb,
    /// {"country": "DE", "country_name": "Germany"}
    Ipinfo,
    /// {"country": "Germany", "country_code": "DE"}
    IpinfoLite,
}

impl Options {
    fn shape(&self) -> Shape {
        let base = if self.small { Shape::small() } else { Shape::fedora() };
        let hosts_factor = self.scale.unwrap_or(self.hosts_factor);
        let directories_factor = self.scale.unwrap_or(self.directories_factor);
        Shape {
            country_layout: match self.country_layout {
                CountryLayout::GeoLite2 => Layout::GeoLite2,
                CountryLayout::IpLocationDb => Layout::IpLocationDb,
                CountryLayout::Ipinfo => Layout::Ipinfo,
                CountryLayout::IpinfoLite => Layout::IpinfoLite,
            },
            quirks: !self.tidy,
            seed: self.seed,
            ..base.scaled(hosts_factor as usize, directories_factor as usize)
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generate: {}: {error}", options.out.display());
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    std::fs::create_dir_all(&options.out)?;
    if options.demo {
        return testdata::demo::write(&options.out);
    }
    let shows_progress = io::stderr().is_terminal();
    let mut progress = |step: &str, done: usize, total: usize| {
        if shows_progress {
            eprint!("\r\x1b[K{step} {}%", done * 100 / total.max(1));
        }
    };
    let written = generate(&options.shape(), &options.out, &mut progress)?;
    if shows_progress {
        eprint!("\r\x1b[K");
    }
    print_summary(&written, &mut io::stdout().lock())
}

fn print_summary(written: &[Written], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{:<24} {:>12}  holds", "file", "bytes")?;
    for file in written {
        let records: Vec<_> =
            file.records.iter().map(|(number, noun)| format!("{number} {noun}")).collect();
        let line = format!("{:<24} {:>12}  {}", file.name, file.n_bytes, records.join(", "));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
