//! Points at which a process of the tests aborts, as if it were killed just there.
//!
//! They do something only in builds with the feature `fail-points`, which is switched on for tests and in no
//! package. There, the variable `FAIL_AT` names a point, and how often it is reached before the process
//! aborts: `claim.committed` is the first time, `claim.committed:3` the third.
//!
//! | point | where |
//! |---|---|
//! | `NAME.before` | the operation of this name is about to be done |
//! | `NAME.committed` | it is done, and nobody was told |
//! | `migrate.begun` | some tables of a new store are made, reached before each of them |
//! | `effect.renamed` | a snapshot is published, and its task has not ended |
//! | `visit.recorded` | what a mirror has shown is written down, and not judged |
//! | `findings.renamed` | findings are published, and their task has not ended |

/// Aborts the process if the environment says so.
#[cfg(feature = "fail-points")]
pub fn reached(subject: &str, moment: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let text = std::env::var("FAIL_AT").ok()?;
        match text.split_once(':') {
            Some((point, n)) => Some((point.to_owned(), n.parse().ok()?)),
            None => Some((text, 1)),
        }
    });
    static N_REACHED: AtomicU64 = AtomicU64::new(0);

    let Some((point, n)) = &*WANTED else { return };
    let is_meant = point.strip_prefix(subject).and_then(|rest| rest.strip_prefix('.'));
    if is_meant == Some(moment) && N_REACHED.fetch_add(1, Ordering::SeqCst) + 1 == *n {
        std::process::abort();
    }
}

/// Does nothing: this build has no such points.
#[cfg(not(feature = "fail-points"))]
pub fn reached(_subject: &str, _moment: &str) {}
