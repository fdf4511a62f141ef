//! What the store of tasks means, and the proof that its engines do just that.
//!
//! [`model`] is the specification: each operation as a pure step on maps. [`invariants`] says what no step
//! may break, of the model and of a real store alike. [`history`] makes random sequences of operations that
//! fit what is there, and shrinks. [`driver`] runs them on the model and on a store, whatever its engine, and
//! compares every row after each step. [`lens`] changes what an operation sees of its transaction: the clock,
//! and in [`mutant`] the text of a statement, so that the store can be broken on purpose.

pub mod op;
pub mod model;
mod ends;
pub mod invariants;
pub mod lens;
pub mod mutant;
pub mod history;
pub mod driver;
pub mod random;

#[cfg(test)]
mod search;
#[cfg(test)]
mod mutants;
#[cfg(test)]
mod meaning;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod killed;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use store::Store;
    use store::sqlite::{Inline, system_clock};

    pub(crate) fn in_memory() -> Store {
        Store::from(Inline::new(Arc::clone(&system_clock())).unwrap())
    }
}
