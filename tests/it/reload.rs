//! SIGHUP.

use rustix::process::Signal;

use crate::server::{DEMO, HasBody, Server, wait_until};

#[test]
fn reloading_and_freeing_stand_behind_answering() {
    let server = Server::start(&[]);
    let task = format!("/proc/{}/task", server.pid().as_raw_nonzero());
    let nice = |name: &str| {
        let threads = std::fs::read_dir(&task).expect("a running child").flatten();
        let mut stats = threads.filter_map(|t| std::fs::read_to_string(t.path().join("stat")).ok());
        // `PID (NAME) STATE …`: the nice value is field 19.
        let stat = stats.find(|stat| stat.contains(&format!("({name})")))?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(16)?.parse::<i32>().ok()
    };
    // The whole suite may run with another value than 0.
    let usual = nice("mirrorlistd").expect("the main thread");
    let behind = Some((usual + 10).min(19));
    // Each gives itself its name and its place.
    wait_until("the threads have begun", || {
        nice("reload") == behind && nice("reaper") == behind && nice("worker").is_some()
    });
    assert_eq!(nice("worker"), Some(usual));
}

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
