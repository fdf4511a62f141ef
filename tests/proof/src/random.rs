//! Random histories on SQLite in memory.

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::driver::check;
use crate::history::histories;
use crate::tests::{block_on, in_memory};

/// How many histories are tried, and how long each may be.
const CASES: u32 = 400;
const STEPS: usize = 80;

#[test]
fn sqlite_does_what_the_model_says() {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(&histories(STEPS), |steps| {
        let outcome = block_on(check(&in_memory(), &steps, None));
        outcome.map_err(|difference| TestCaseError::fail(difference.to_string()))
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
