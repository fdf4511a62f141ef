//! Random histories on a store, the same ones at each run.

use std::future::Future;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use store::Store;

use crate::driver::check;
use crate::history::histories;

/// Runs so many histories of so many steps at most, each on a store that `store` gives and that is emptied for
/// it. The message has the shortest history that fails.
pub fn try_histories(n: u32, n_steps: usize, store: impl Fn() -> Store) -> Result<(), String> {
    let config = Config { cases: n, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let outcome = TestRunner::new_with_rng(config, rng).run(&histories(n_steps), |steps| {
        let outcome = block_on(check(&store(), &steps, None));
        outcome.map_err(|difference| TestCaseError::fail(difference.to_string()))
    });
    outcome.map_err(|error| error.to_string())
}

/// Waits for a future on a runtime of its own.
pub(crate) fn block_on<F: Future>(work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime can be made").block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::in_memory;

    #[test]
    fn sqlite_does_what_the_model_says() {
        if let Err(error) = try_histories(400, 80, in_memory) {
            panic!("{error}");
        }
    }
}
