//! Code that the suites and benches share.
//!
//! [`server`] runs the program and talks HTTP to it, [`fixture`] builds inputs and answers requests
//! without a server, [`golden`] compares answers with files, [`lint`] finds errors in an answer,
//! [`markdown`] finds commands in chapters of the handbook, [`proxy`] runs real reverse proxies,
//! [`postgres`] runs a database server, [`tmpfs`] mounts file systems that may become full, [`debian`] installs packages that a suite needs and has the runner
//! that can ignore tests, [`data`] keeps generated inputs of full size.
//!
//! Functions panic on failure, as tests do. Code that only one suite needs is in that suite.

#[macro_use]
pub mod debian;
pub mod data;
pub mod fixture;
pub mod golden;
pub mod lint;
pub mod markdown;
pub mod postgres;
pub mod proxy;
pub mod server;
pub mod tmpfs;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Ties a suite to the package whose program it runs: only for such suites does Cargo build the program
/// before the tests, so that [`program`] never finds an old one.
#[macro_export]
macro_rules! runs_the_program {
    () => {
        const _: &str = env!("CARGO_BIN_EXE_mirrorlistd");
    };
}

/// The path of the program under test. Cargo puts it beside the folder of the test programs.
pub fn program() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let own = std::env::current_exe().expect("a program knows where it is");
        let built = own.parent().and_then(Path::parent).expect("it is in target/PROFILE/deps");
        let program = built.join("mirrorlistd");
        assert!(program.exists(), "{} is not built", program.display());
        program
    });
    &PROGRAM
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    Path::new(ROOT)
}
