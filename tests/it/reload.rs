//! SIGHUP.

use rustix::process::Signal;

use crate::server::{DEMO, HasBody, Server, wait_until};

#[test]
fn a_reload_is_logged_and_a_burst_of_them_harms_nobody() {
    let mut server = Server::start(&[]);
    server.signal(Signal::HUP);
    wait_until("it has reloaded", || server.stderr().contains("reloaded generation"));
    let mut client = server.connect();
    for _ in 0..100 {
        server.signal(Signal::HUP);
        client.send(&format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.read_response(HasBody::Yes).status(), 200);
    }
    server.stop();
}
