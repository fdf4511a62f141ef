//! `mirrorlistd scan`: makes an index of the primary tree.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::output::{FAILURE, complain, fail, finish};
use crate::cli::ScanArgs;
use ::scan::{
    Findings, Options, Problem, Progress, Scan, ScanError, Summary, TreeSource, read_former,
};
use runtime::log;
use runtime::write_lock::WriteLock;

/// How often the progress is shown anew.
const SHOWN_EVERY: Duration = Duration::from_millis(200);

pub(super) fn run(args: &ScanArgs) -> ExitCode {
    log::install(None);
    let start = Instant::now();
    let scan = match scan_and_write(args) {
        Ok(scan) => scan,
        Err(reason) if args.json => {
            complain(format_args!("mirrorlistd: {reason}"));
            let verdict = json!({ "index": args.output.to_string_lossy(), "written": false, "reason": reason });
            // The scan has failed even if the output cannot be written.
            finish(format_args!("{verdict:#}\n"));
            return ExitCode::from(FAILURE);
        }
        Err(reason) => return fail(FAILURE, reason),
    };
    let source = args.source();
    for line in lines(source, &scan.findings) {
        complain(line);
    }
    if scan.summary.listed == 0 && args.tree.is_some() {
        complain(format_args!(
            "{}: neither a repomd.xml nor a checksum file of images is in it; is it the top of the tree?",
            source.display()
        ));
    }
    let seconds = start.elapsed().as_secs_f64();
    match (args.json, args.quiet) {
        (true, _) => finish(format_args!("{:#}\n", as_json(args, &scan, seconds))),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => finish(as_text(&args.output, &scan.summary, seconds)),
    }
}

impl ScanArgs {
    fn source(&self) -> &Path {
        let source = self.rsync_listing.as_ref().or(self.tree.as_ref());
        source.map_or(Path::new(""), |source| source)
    }
}

/// Scans, and puts the index in place. The error is a line.
fn scan_and_write(args: &ScanArgs) -> Result<Scan, String> {
    // Earlier versions that another scan writes meanwhile would be lost.
    let _lock = WriteLock::acquire(&args.output)
        .map_err(|error| format!("{}: {error}", args.output.display()))?;
    let former = read_former(&args.output).map_err(|error| error.to_string())?;
    let keep_versions = Duration::from_secs(u64::from(args.keep_versions) * 86_400);
    let mut options = Options::usual(keep_versions, args.allow_shrink);
    if let Some(threads) = args.threads {
        options.n_threads = usize::from(threads);
    }
    let progress = Progress::default();
    let is_shown = !args.quiet && io::stderr().is_terminal();
    let source = match &args.rsync_listing {
        Some(listing) => TreeSource::RsyncListing(listing.clone()),
        None => TreeSource::Tree(args.source().to_owned()),
    };
    let scan = with_progress(is_shown, &progress, || {
        ::scan::scan(&source, former.as_ref(), &options, &progress)
    });
    let scan = scan.map_err(|error: ScanError| error.to_string())?;
    let not_synced = scan.index.write(&args.output).map_err(|error| error.to_string())?;
    if let Some(error) = not_synced {
        complain(format_args!(
            "the index is in its place, but a power cut may bring the one before back: {error}"
        ));
    }
    Ok(scan)
}

/// Runs `scan` while another thread shows how far it is.
fn with_progress<T>(is_shown: bool, progress: &Progress, scan: impl FnOnce() -> T) -> T {
    if !is_shown {
        return scan();
    }
    thread::scope(|scope| {
        let (done, is_done) = mpsc::channel::<()>();
        let shown = thread::Builder::new().name("progress".into());
        // Without a thread for it, nothing is shown.
        let _ = shown.spawn_scoped(scope, move || show(progress, &is_done));
        let result = scan();
        drop(done);
        result
    })
}

fn show(progress: &Progress, is_done: &Receiver<()>) {
    let start = Instant::now();
    while is_done.recv_timeout(SHOWN_EVERY) == Err(RecvTimeoutError::Timeout) {
        let (n_directories, n_files, n_read) = progress.counts();
        let milliseconds = start.elapsed().as_millis().max(1);
        let rate = u128::from(n_files) * 1_000 / milliseconds;
        let line = format!(
            "\r{n_directories} directories, {n_files} files ({rate}/s), {n_read} read\x1b[K"
        );
        // A terminal that is gone is no failure of the scan.
        let _ = io::stderr().write_all(line.as_bytes());
    }
    let _ = io::stderr().write_all(b"\r\x1b[K");
}

/// What is to be said of findings: a line for each repository that cannot be used, and one for each
/// other kind.
fn lines(source: &Path, findings: &Findings) -> Vec<String> {
    let mut lines = Vec::new();
    for (problem, found) in findings.iter() {
        let n_shown = match problem {
            Problem::HeldBack | Problem::Unusable => found.examples.len(),
            _ => 1,
        };
        for example in found.examples.iter().take(n_shown) {
            lines.push(format!("{}: {}: {example}", source.display(), problem.text()));
        }
        let n_more = found.count.saturating_sub(n_shown as u64);
        if let (Some(last), true) = (lines.last_mut(), n_more > 0) {
            // Writing to a String cannot fail.
            let _ = write!(last, " (and {n_more} more like it)");
        }
    }
    lines
}

fn as_text(output: &Path, summary: &Summary, seconds: f64) -> String {
    let Summary { directories, files, listed, read, earlier_versions, aliases, .. } = summary;
    let mut text = format!(
        "{}: {directories} directories, {files} files, {listed} with checksums ({read} read), \
         {earlier_versions} earlier versions, {aliases} aliases, in {seconds:.2} s\n",
        output.display()
    );
    let (unreleased, lost) =
        (summary.unreleased_directories + summary.unreleased_files, summary.loss.as_ref());
    // Writing to a String cannot fail.
    if unreleased > 0 {
        let _ = writeln!(
            text,
            "not released, as others may not read them: {} directories, {} files",
            summary.unreleased_directories, summary.unreleased_files
        );
    }
    if let Some(loss) = lost.filter(|loss| loss.directories.n + loss.listed.n > 0) {
        let _ = writeln!(
            text,
            "gone since the last scan: {} directories, {} files with checksums",
            loss.directories.n, loss.listed.n
        );
    }
    text
}

fn as_json(args: &ScanArgs, scan: &Scan, seconds: f64) -> Value {
    let Summary {
        directories,
        files,
        listed,
        read,
        unchanged,
        earlier_versions,
        aliases,
        unreleased_directories,
        unreleased_files,
        loss,
    } = &scan.summary;
    let problems = scan.findings.iter().map(|(problem, found)| {
        json!({
            "kind": problem.key(),
            "text": problem.text(),
            "count": found.count,
            "examples": found.examples,
        })
    });
    json!({
        "index": args.output.to_string_lossy(),
        "source": args.source().to_string_lossy(),
        "written": true,
        "scanned": scan.index.scanned(),
        "directories": directories,
        "files": files,
        "with_checksums": listed,
        "read": read,
        "unchanged": unchanged,
        "earlier_versions": earlier_versions,
        "aliases": aliases,
        "unreleased_directories": unreleased_directories,
        "unreleased_files": unreleased_files,
        "lost_directories": loss.as_ref().map(|loss| loss.directories.n),
        "lost_with_checksums": loss.as_ref().map(|loss| loss.listed.n),
        "problems": problems.collect::<Vec<_>>(),
        "seconds": seconds,
    })
}
