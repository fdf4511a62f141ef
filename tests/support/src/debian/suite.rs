//! Runs a suite that needs a prepared host, with the options and the output of Rust's own runner.
//!
//! That one cannot leave a test out when it is run. This one can: where the packages of a suite are
//! missing and cannot be installed, as without root or on another system, the tests that need them
//! are *ignored*, each with a line that says what it needs, and the others run. So `cargo test` is
//! green on every machine, and says what it has not tested. With `CI=true` in the environment, or
//! with `--include-ignored`, the same tests fail.
//!
//! `#[test]` means nothing in such a suite. Its modules name their tests in [`crate::tests!`], and one that is
//! forgotten there is dead code, of which the compiler warns; `tests/it/suites.rs` looks for the rest.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};

use super::{Unmet, insist};

/// A test and its name, with the modules that it is in.
pub type Test = (&'static str, fn());

/// Names the tests of a module: its `TESTS`.
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

    /// Runs what was chosen, and prints what became of it.
    pub fn run(self) -> ExitCode {
        libtest_mimic::run(&self.arguments, self.trials).exit_code()
    }
}
