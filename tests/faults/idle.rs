//! Connections that are kept and not used.

use std::net::{SocketAddr, TcpStream};
use std::thread;

use crate::runs::{DEMO_DATA, finish, folder, metric, own_connections, resident, start};
use crate::server::{Client, DEMO, HasBody};
use crate::table::Table;

/// Where the limit of open files allows it.
const N_CONNECTIONS: usize = 10_000;
const N_THREADS: usize = 4;
/// As the handbook says ("How much memory it takes").
const HANDBOOK_KB: f64 = 21.0;
/// What the program alone decides; hyper's buffers are in it as far as they are used.
const MAX_KB: f64 = 15.0;
const CONFIG: &str = "[limits]\nmax_connections = 11000\nidle_timeout_seconds = 1000\n\
                      header_timeout_seconds = 1000\n";

/// Asks once and keeps the connection.
fn ask_and_stay(address: SocketAddr) -> TcpStream {
    let mut client = Client::connect(address);
    ask(&mut client);
    client.stream().try_clone().unwrap()
}

fn ask(client: &mut Client) {
    client.send(&format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(client.read_response(HasBody::Yes).status(), 200);
}

/// hyper has 16 kB of buffers for each, hardly used; whether what is not used is resident depends on
/// huge pages, with which answers cost a tenth less (see the handbook, "How much memory it takes").
pub fn idle_connections(table: &mut Table) {
    let each = measure(&[]);
    add(table, "", format!("reported: at most {HANDBOOK_KB:.0} kB each"), each);
    let each = measure(&["env", "MIMALLOC_ALLOW_THP=0"]);
    assert!(each.kilobytes <= MAX_KB, "{:.1} kB each", each.kilobytes);
    add(table, ", MIMALLOC_ALLOW_THP=0", format!("at most {MAX_KB:.0} kB each"), each);
}

struct Each {
    n_connections: usize,
    kilobytes: f64,
}

fn add(table: &mut Table, how: &str, target: String, each: Each) {
    let Each { n_connections, kilobytes } = each;
    let what = format!("{n_connections} idle keep-alive connections{how}");
    table.add(what, target, format!("{kilobytes:.1} kB each"));
}

fn measure(wrapper: &[&str]) -> Each {
    let n_connections = N_CONNECTIONS.min(own_connections(20_000) - 100);
    let server = start(folder(), wrapper, &DEMO_DATA, CONFIG);
    let mut other = server.connect();
    (0..1_000).for_each(|_| ask(&mut other));
    let before = resident(&server);
    let address = server.address;
    let each = n_connections / N_THREADS;
    let connections: Vec<_> = thread::scope(|scope| {
        let connect = || (0..each).map(|_| ask_and_stay(address)).collect::<Vec<_>>();
        let threads: Vec<_> = (0..N_THREADS).map(|_| scope.spawn(connect)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let taken = resident(&server) - before;
    assert_eq!(metric(&server, "mirrorlistd_connections_open"), connections.len() as u64 + 1);
    ask(&mut other);
    drop((connections, other));
    finish(server);
    let n_connections = each * N_THREADS;
    Each { n_connections, kilobytes: taken as f64 / 1_000.0 / n_connections as f64 }
}
