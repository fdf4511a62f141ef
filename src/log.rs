//! The log: what the server has to say to its operator, on stderr, one line each.
//!
//! Colours only on a terminal, and not where NO_COLOR forbids them; no time stamps where the journal
//! adds its own. It is not the access log; see [`crate::http::access_log`].

use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Sets up logging for the whole process. `level` (from the command line or the configuration)
/// beats `RUST_LOG`, which beats `info`. A second call changes nothing.
pub fn install(level: Option<LevelFilter>) {
    let filter = match level {
        Some(level) => EnvFilter::default().add_directive(level.into()),
        None => {
            EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy()
        }
    };
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && !no_color)
        .with_target(false);
    // Both fail only where a subscriber is installed already.
    let installed =
        if stderr_is_journal() { builder.without_time().try_init() } else { builder.try_init() };
    drop(installed);
    install_panic_hook();
}

/// A panic becomes one line of the log, with its place; a backtrace only where it is asked for.
fn install_panic_hook() {
    if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
        return;
    }
    std::panic::set_hook(Box::new(|info| tracing::error!("{info}")));
}

/// Whether stderr is the socket that systemd names in `JOURNAL_STREAM` (`device:inode`): the
/// variable alone is inherited by programs whose stderr goes elsewhere.
fn stderr_is_journal() -> bool {
    let Some(stream) = std::env::var_os("JOURNAL_STREAM") else {
        return false;
    };
    std::fs::metadata("/proc/self/fd/2")
        .is_ok_and(|meta| stream.to_str() == Some(&format!("{}:{}", meta.dev(), meta.ino())))
}
