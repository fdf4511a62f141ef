//! PostgreSQL does what the model of the store says, as SQLite does.

use proof::random::try_histories;
use proof::rate::live_and_end;
use store::Store;
use support::postgres::Postgres;

use crate::stores::open;

tests! {
    random_histories_do_what_the_model_says,
    tasks_are_taken_at_a_rate_that_is_printed,
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

fn tasks_are_taken_at_a_rate_that_is_printed() {
    let server = Postgres::start();
    server.create_database("a");
    let (store, n) = (open(&server.url("a")), 400);
    for n_callers in [1, 8] {
        let took = live_and_end(&store, n, n_callers);
        println!("PostgreSQL, {n_callers} callers: {:.0} tasks/s", n as f64 / took.as_secs_f64());
    }
}
