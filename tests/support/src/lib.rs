//! What the suites and benches share.
//!
//! [`server`] runs the program and talks HTTP to it, [`fixture`] states inputs and answers requests
//! without a server, [`golden`] keeps expected answers in files, [`lint`] says what is wrong with an
//! answer, [`proxy`] runs real reverse proxies, [`debian`] installs what a suite runs and has the runner
//! that can leave tests out, [`data`] keeps generated inputs of full size.
//!
//! It fails by panicking, as tests do. What only one suite needs stays there.

#[macro_use]
pub mod debian;
pub mod data;
pub mod fixture;
pub mod golden;
pub mod lint;
pub mod proxy;
pub mod server;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Makes a suite one of the package whose program it runs: only for those does Cargo build the program
/// before the tests, so that what [`program`] finds is never an old one.
#[macro_export]
macro_rules! runs_the_program {
    () => {
        const _: &str = env!("CARGO_BIN_EXE_mirrorlistd");
    };
}

/// The program under test. Cargo puts it beside the folder of the tests' own programs.
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
