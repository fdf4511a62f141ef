//! Runs a suite that needs a prepared host, with the options and the output of Rust's own runner.
//!
//! Rust's runner cannot ignore a test at run time; this one can. If packages of a suite are missing and
//! cannot be installed, as without root or on another system, the tests that need them are *ignored*,
//! each with a line that says what it needs, and the others run. So `cargo test` passes on every
//! machine, and reports what it has not tested. With `CI=true` in the environment, or with
//! `--include-ignored`, the same tests fail.
//!
//! `#[test]` has no effect in such a suite. Its modules list their tests in [`crate::tests!`]. A test
//! that is missing there is dead code, of which the compiler warns; `tests/it/suites.rs` checks the
//! rest.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};

use super::{Unmet, insist};

/// A test and its name, with the modules that it is in.
pub type Test = (&'static str, fn());

/// Defines `TESTS`, the list of a module's tests.
#[macro_export]
macro_rules! tests {
    ($($test:ident),* $(,)?) => {
        pub const TESTS: &[$crate::debian::suite::Test] =
            &[$((concat!(module_path!(), "::", stringify!($test)), $test)),*];
    };
}

/// The tests to run.
pub struct Suite {
    pub arguments: Arguments,
    trials: Vec<Trial>,
}

impl Suite {
    /// A suite without tests, with the options of the command line.
    pub fn from_args() -> Self {
        let arguments = Arguments::from_args();
        if arguments.include_ignored {
            insist();
        }
        Self { arguments, trials: Vec::new() }
    }

    /// Adds a test.
    pub fn add(&mut self, name: &str, test: impl FnOnce() + Send + 'static) {
        // The name of the suite itself is left out, as Rust's own runner does.
        let name = name.split_once("::").map_or(name, |(_, name)| name);
        let runner = move || match catch_unwind(AssertUnwindSafe(test)) {
            Ok(()) => Ok(Completion::Completed),
            Err(payload) => match payload.downcast::<Unmet>() {
                Ok(unmet) => Ok(Completion::ignored_with(unmet.0)),
                Err(payload) => resume_unwind(payload),
            },
        };
        self.trials.push(Trial::ignorable_test(name, runner));
    }

    /// Adds the tests of a module.
    pub fn add_all(&mut self, tests: &[Test]) {
        for &(name, test) in tests {
            self.add(name, test);
        }
    }

    /// Runs the selected tests, and prints their results.
    pub fn run(self) -> ExitCode {
        libtest_mimic::run(&self.arguments, self.trials).exit_code()
    }
}
