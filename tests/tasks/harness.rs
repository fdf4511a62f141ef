//! The server that the other tests use does what its methods say.

use support::postgres::Postgres;

tests! {
    what_was_committed_survives_stops_and_kills,
    connections_can_be_ended,
}

fn what_was_committed_survives_stops_and_kills() {
    let mut server = Postgres::start();
    server.create_database("a");
    server.query("a", "CREATE TABLE t(n INT)");
    let ways: [fn(&mut Postgres); 3] = [Postgres::stop, Postgres::stop_immediately, Postgres::kill];
    for (n, stop) in ways.into_iter().enumerate() {
        server.query("a", &format!("INSERT INTO t VALUES({n})"));
        stop(&mut server);
        server.start_again();
    }
    assert_eq!(server.query("a", "SELECT n FROM t ORDER BY n"), "0\n1\n2");
}

fn connections_can_be_ended() {
    let server = Postgres::start();
    server.create_database("a");
    assert_eq!(server.terminate_connections("a"), 0);
}
