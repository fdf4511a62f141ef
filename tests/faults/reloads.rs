//! New data, good and bad, while clients ask.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::data::{LIST, METALINK, start_with_data, versions};
use crate::load::{self, Latencies, Load};
use crate::runs::{metric, no_panic};
use crate::server::{HasBody, Server, wait_until};
use crate::table::Table;

const N_CLIENTS: usize = 64;
/// Between two requests of a client: some 10,000 requests a second, so that latencies tell of
/// reloads and not of a machine that has nothing left.
const PAUSE: Duration = Duration::from_millis(5);
const N_ROUNDS: usize = 3;
/// Answers without reloads in each of them.
const N_CALM: usize = 5_000;
const N_RELOADS: usize = 300;

/// Sends HUP and waits until the log has one more line with `word`.
#[track_caller]
fn reload(server: &Server, word: &str, n_before: usize) {
    server.signal(Signal::HUP);
    wait_until(word, || server.stderr().matches(word).count() == n_before + 1);
}

pub fn under_load(table: &mut Table) {
    let versions = versions();
    let (mut server, path) = start_with_data("");

    let seen = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let check = |response: &crate::server::Response| {
        let made = [0, 1].map(|n| versions[n].made(response));
        assert_ne!(made[0], made[1], "an answer of another generation");
        seen[usize::from(made[1])].fetch_add(1, Ordering::Relaxed);
    };
    let load = Load { n_clients: N_CLIENTS, pause: PAUSE, targets: &[LIST, METALINK] };
    let mut n_reloads = 0;
    let [mut without, mut with] = [(); 2].map(|()| Latencies::default());
    let mut ratios = Vec::new();
    for _ in 0..N_ROUNDS {
        let n_seen = || seen.each_ref().map(|n| n.load(Ordering::Relaxed)).iter().sum::<usize>();
        let enough = n_seen() + N_CALM;
        let wait = || wait_until("clients are answered", || n_seen() >= enough);
        let ((), calm) = load::during(&server, &load, check, wait);
        let calm_p99 = calm.p99();
        without.append(calm);
        let reloads = || {
            for _ in 0..N_RELOADS / N_ROUNDS {
                versions[(n_reloads + 1) % 2].publish(&path);
                reload(&server, "reloaded generation", n_reloads);
                n_reloads += 1;
                // Every version once, and then as they come.
                if let Some(seen) = seen.get(n_reloads % 2).filter(|_| n_reloads <= 2) {
                    wait_until("it is served", || seen.load(Ordering::Relaxed) > 0);
                }
            }
        };
        let ((), busy) = load::during(&server, &load, check, reloads);
        ratios.push(busy.p99().as_secs_f64() / calm_p99.as_secs_f64());
        with.append(busy);
    }
    ratios.sort_unstable_by(f64::total_cmp);
    assert_eq!(n_reloads, N_RELOADS);
    let published = "mirrorlistd_reloads_total{trigger=\"signal\",outcome=\"published\"}";
    // The last one is counted a moment after it is logged.
    wait_until("all are counted", || metric(&server, published) == N_RELOADS as u64);
    let seen = seen.map(AtomicUsize::into_inner);
    assert!(seen[0] > 0 && seen[1] > 0, "both versions are served: {seen:?}");
    server.stop();
    no_panic(&server);

    let n_answers = with.n_answers() + without.n_answers();
    table.add(
        format!("{N_RELOADS} reloads under keep-alive load, c={N_CLIENTS}"),
        "0 non-200, 0 resets, 0 mixed",
        format!("0, 0, 0 of {n_answers} answers ({} and {} of each version)", seen[0], seen[1]),
    );
    table.add(
        "p99 with reloads one after another",
        "reported: at most 2x without",
        format!(
            "{:.1?}, {:.1?} without; median of {N_ROUNDS} turns: {:.2}x",
            with.p99(),
            without.p99(),
            ratios[N_ROUNDS / 2]
        ),
    );
}

/// What the file as such survives is in `tests/it/snapshot_file.rs`; this is what a server does.
pub fn damaged_snapshots(table: &mut Table) {
    let [good, other] = versions();
    let (mut server, path) = start_with_data("");
    let mut client = server.connect();
    let mut ask = || {
        client.send(&format!("GET {LIST} HTTP/1.1\r\nHost: a\r\n\r\n"));
        client.read_response(HasBody::Yes)
    };

    let mut damaged = Vec::new();
    let bytes = other.bytes();
    let mut rng = fastrand::Rng::with_seed(11);
    // Whole headers, then anywhere.
    damaged.extend((0..30).map(|length| bytes[..length].to_vec()));
    damaged.extend((0..30).map(|_| bytes[..rng.usize(..bytes.len())].to_vec()));
    for n in 0..90 {
        let mut flipped = bytes.to_vec();
        let at = if n < 28 { n } else { rng.usize(..bytes.len()) };
        flipped[at] ^= 1 << rng.u8(..8);
        damaged.push(flipped);
    }
    for (n, bytes) in damaged.iter().enumerate() {
        fs::write(&path, bytes).unwrap();
        reload(&server, "reload refused", n);
        assert!(good.made(&ask()), "the old data are served");
    }
    fs::remove_file(&path).unwrap();
    reload(&server, "reload refused", damaged.len());
    assert!(good.made(&ask()));
    other.publish(&path);
    reload(&server, "reloaded generation", 0);
    assert!(other.made(&ask()));
    drop(client);
    server.stop();
    no_panic(&server);
    table.add(
        "truncated and flipped snapshots, each reloaded by HUP",
        "0 accepted, 0 panics, the old generation serves",
        format!("0, 0, served after each of {}", damaged.len()),
    );
}
