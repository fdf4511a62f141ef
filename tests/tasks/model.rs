//! PostgreSQL does what the model of the store says, as SQLite does.

use proof::random::try_histories;
use store::Store;
use support::postgres::Postgres;

use crate::stores::open;

tests! {
    random_histories_do_what_the_model_says,
}

fn random_histories_do_what_the_model_says() {
    let server = Postgres::start();
    server.create_database("a");
    let store: Store = open(&server.url("a"));
    // Each of them is seen as a whole after each step, so that it takes a third of a second.
    if let Err(error) = try_histories(60, 60, || store.clone()) {
        panic!("{error}");
    }
}
