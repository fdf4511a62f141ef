//! How the program ends. It is given a longer grace period than the harness has patience: it must not
//! wait for its end.

use rustix::process::Signal;

use crate::admin::Watched;
use crate::server::{DEMO, HasBody, Server, wait_until};

#[test]
fn an_idle_server_ends_with_status_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(&[]);
        assert_eq!(server.get(DEMO).status(), 200);
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0));
        assert!(server.stderr().contains("stopped after 1 requests"), "{}", server.stderr());
    }
}

#[test]
fn connections_without_a_request_do_not_hold_it() {
    let mut server = Server::start(&[]);
    let mut silent = server.connect();
    let mut idle = server.connect();
    idle.send(&format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(idle.read_response(HasBody::Yes).header("connection"), None);
    server.stop();
    assert_eq!(silent.read_to_end(), "");
    assert_eq!(idle.read_to_end(), "");
    assert!(!server.stderr().contains("cut"), "{}", server.stderr());
}

#[test]
fn a_request_that_has_begun_is_answered_and_is_the_last() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut watched = Watched::start_in(folder, &[]);
    let mut client = watched.server.connect();
    client.send(&format!("GET {DEMO} HTTP/1.1\r\n"));
    wait_until("the half request is seen", || {
        watched.metric("mirrorlistd_connections_waiting", &[("for", "header")]) == 1.0
    });
    watched.server.signal(Signal::TERM);
    wait_until("the drain has begun", || watched.get("/readyz").1.starts_with("stopping\n"));
    client.send("Host: a\r\n\r\n");
    let response = client.read_response(HasBody::Yes);
    assert_eq!(response.status(), 200);
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(client.read_to_end(), "");
    assert_eq!(watched.server.wait().code(), Some(0));
}

#[test]
fn answers_that_nobody_has_read_yet_are_completed() {
    let mut server = Server::start(&[]);
    let mut client = server.connect();
    let request = format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send(&request.repeat(200));
    // The first answer shows that the server is at it.
    assert_eq!(client.read_response(HasBody::Yes).status(), 200);
    server.signal(Signal::TERM);
    // Every answer comes whole; the one that says close is the last.
    let mut n_answers = 1;
    loop {
        let response = client.read_response(HasBody::Yes);
        assert_eq!(response.status(), 200);
        n_answers += 1;
        if n_answers == 200 || response.header("connection") == Some("close") {
            break;
        }
    }
    assert_eq!(client.read_to_end(), "");
    // It would wait for the end of a request of which it has read the beginning.
    drop(client);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn the_grace_period_is_the_longest_that_it_takes() {
    let mut server = Server::start(&["--grace", "0"]);
    let mut client = server.connect();
    client.send("GET /mirr");
    assert_eq!(server.get(DEMO).status(), 200);
    server.stop();
    assert_eq!(client.read_to_end(), "");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut watched = Watched::start_in(folder, &[]);
    let mut client = watched.server.connect();
    client.send("GET /mirr");
    wait_until("the half request is seen", || {
        watched.metric("mirrorlistd_connections_waiting", &[("for", "header")]) == 1.0
    });
    watched.server.signal(Signal::TERM);
    wait_until("the drain has begun", || watched.get("/readyz").1.starts_with("stopping\n"));
    watched.server.signal(Signal::INT);
    assert_eq!(watched.server.wait().code(), Some(0));
    let stderr = watched.server.stderr();
    assert!(stderr.contains("1 connections cut by a second signal"), "{stderr}");
}
