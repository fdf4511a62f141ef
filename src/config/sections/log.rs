//! What is logged, and where.

use std::path::PathBuf;

use crate::config::section_macro::section;
use crate::config::values::{Count, LogLevel};

section! {
    /// What is logged, and where: the access log, and what the program reports on stderr.
    pub struct LogOptions in "Logging" {
        /// Access log, a line for each list that was given out; `none` writes none
        ///
        /// The default is that of mirrorlist-server. The demo and catalogs write none unless they are told to.
        log: PathBuf {
            key: "log",
            flag: (long, short = 'l'),
            value: "FILE",
            default: "/var/log/mirrormanager/mirrorlist.log".into(),
            shipped: "\"/var/log/mirrorlistd/mirrorlist.log\"",
        }
        /// Also log every request as a proxy would, in the combined format
        ///
        /// For servers that are exposed without a proxy: `countme` is counted from such lines, whatever the
        /// answer was.
        combined_log: PathBuf {
            key: "combined_log",
            flag: (long),
            value: "FILE",
            example: "\"/var/log/mirrorlistd/requests.log\"",
        }
        /// What to report on stderr
        log_level: LogLevel {
            key: "log_level",
            flag: (long),
            value: "LEVEL",
            otherwise: "what RUST_LOG says, or info",
            example: "\"info\"",
        }
        /// Bytes of what is reported that may wait for a stderr that takes nothing
        ///
        /// More lines are dropped, and counted.
        log_queue_bytes: Count<4_096, 1_000_000_000> {
            key: "limits.log_queue_bytes",
            flag: (skip),
            value: "BYTES",
            default: Count::of(256 * 1024),
        }
        /// Bytes of the lines of an access log that may wait for the disk
        ///
        /// More lines are dropped, and counted. The default is some 20,000 lines.
        access_log_queue_bytes: Count<1_024, 1_073_741_824> {
            key: "limits.access_log_queue_bytes",
            flag: (skip),
            value: "BYTES",
            default: Count::of(4 << 20),
        }
    }
}

impl LogOptions {
    /// The file of the access log; `None` writes none. `has_default` says whether the default counts.
    pub fn access_log(&self, has_default: bool) -> Option<PathBuf> {
        match &self.log {
            Some(path) if path.as_os_str() == "none" => None,
            None if !has_default => None,
            _ => Some(self.log()),
        }
    }
}
