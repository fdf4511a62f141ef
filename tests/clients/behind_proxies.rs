//! The basic cases once more behind nginx, HAProxy and Apache httpd.
//!
//! The servers listen on ::1 and the proxies on 127.0.0.1, so a client's address can only have come
//! through X-Forwarded-For: without it every client would be ::1, whose order of mirrors differs.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::net::UnixStream;

use crate::client::{Dnf, Run, curl};
use crate::data::Data;
use crate::director::{Director, wait_until};
use crate::lint;
use crate::mirror::Behaviour::Serves;
use crate::proxy::{DOWNLOAD_HOST, LISTS_HOST, Program, Proxy};
use crate::recorder::{Exchange, Recorder};
use crate::repository::Version;
use crate::stage::{List, Stage};

tests! {
    clients_get_their_own_order_through_nginx,
    clients_get_their_own_order_through_haproxy,
    clients_get_their_own_order_through_haproxy_with_httpclose,
    clients_get_their_own_order_through_apache,
    haproxy_sees_both_servers_up_and_goes_on_with_one,
}

/// dnf and curl come from here.
const HERE: [u8; 4] = [127, 0, 0, 1];
/// curl can come from elsewhere.
const ELSEWHERE: [u8; 4] = [127, 0, 0, 77];

/// Two servers with the same data behind a proxy.
struct Scene {
    stage: Stage,
    second: Director,
    second_recorder: Recorder,
    proxy: Proxy,
}

impl Scene {
    fn set(program: Program) -> Self {
        let ip = IpAddr::from(Ipv6Addr::LOCALHOST);
        let data = Data {
            orders: vec![
                (HERE.into(), vec![13, 11, 12]),
                (ELSEWHERE.into(), vec![12, 11, 13]),
                (ip, vec![11, 12, 13]),
            ],
            ..Data::ordered(&[])
        };
        let mirrors = [11, 12, 13].map(|number| (number, Serves(Version::New)));
        let stage = Stage::on(ip, &mirrors, data);
        let second = Director::start(ip, &*stage.files, stage.folder.path());
        let second_recorder = Recorder::start(second.address);
        let upstreams = [stage.recorder.address, second_recorder.address];
        let proxy = Proxy::start(program, &stage.new_folder("proxy"), upstreams);
        Self { stage, second, second_recorder, proxy }
    }

    fn clear(&self) {
        self.stage.clear();
        self.second_recorder.clear();
    }

    /// What the proxy asked both servers for, without its checks; connections are told apart.
    fn exchanges(&self) -> Vec<Exchange> {
        let mut all = self.stage.recorder.exchanges();
        for mut exchange in self.second_recorder.exchanges() {
            exchange.connection += 1_000;
            all.push(exchange);
        }
        all.retain(|exchange| !is_check(exchange));
        all
    }

    #[track_caller]
    fn check(&self, condition: bool, what: &str, run: &Run) {
        if !condition {
            let what = format!("{what}\n\nTHE PROXY'S LOG:\n{}", self.proxy.log());
            self.stage.fail_with(&what, run, &self.exchanges());
        }
    }

    /// curl with what it takes to reach the names of the configuration.
    fn curl(&self, arguments: &[&str]) -> Run {
        let resolve = |name: &str| {
            let addresses = [self.proxy.http, self.proxy.https];
            addresses.map(|address| format!("{name}:{}:127.0.0.1", address.port()))
        };
        let names = [resolve(LISTS_HOST), resolve(DOWNLOAD_HOST)].concat();
        let authority = self.proxy.authority.display().to_string();
        let mut all = vec!["--cacert", &authority];
        all.extend(names.iter().flat_map(|name| ["--resolve", name]));
        all.extend(arguments);
        curl(&self.stage, &all)
    }

    /// Fails unless `run` printed a sound list in the order for `client`.
    #[track_caller]
    fn check_list(&self, list: List, client: [u8; 4], run: &Run) {
        self.check(run.is_success(), &format!("{} failed", run.name), run);
        let (mut causes, urls) = match list {
            List::Metalink => (lint::metalink(&run.output), lint::urls_of_metalink(&run.output)),
            List::Mirrorlist => (lint::text_list(&run.output), lint::urls_of_text(&run.output)),
        };
        if let Some(difference) = lint::order(&urls, &self.stage.expected(list, client.into())) {
            causes.push(format!("not the order for 127.0.0.{}: {difference}", client[3]));
        }
        self.check(causes.is_empty(), &causes.join("; "), run);
    }
}

fn is_check(exchange: &Exchange) -> bool {
    exchange.request.lines().next().is_some_and(|line| line.ends_with("HTTP/1.0"))
}

/// What must work behind every proxy.
fn basic_cases(program: Program) {
    let scene = Scene::set(program);
    for list in List::BOTH {
        let http = format!("http://{}{}", scene.proxy.http, list.target());
        let https = format!("https://{}{}", scene.proxy.https, list.target());
        let trust = format!("sslcacert={}", scene.proxy.authority.display());
        for (url, more) in [(&http, ""), (&https, trust.as_str())] {
            scene.clear();
            let run = Dnf::with(&scene.stage, list, url, more).run(&["makecache"]);
            scene.check(run.is_success(), "dnf failed behind a proxy", &run);
            let asked = scene.stage.repomd_asked();
            let what = format!("{asked:?} were asked, expected 13: not the client's own address?");
            scene.check(asked.first() == Some(&13), &what, &run);
            let names_client = scene
                .exchanges()
                .iter()
                .all(|e| e.request_header("x-forwarded-for").is_some_and(|h| h == "127.0.0.1"));
            scene.check(names_client, "a request does not name the client", &run);
        }
        let run = scene.curl(&[&http]);
        scene.check_list(list, HERE, &run);
        let run = scene.curl(&["--interface", "127.0.0.77", &http]);
        scene.check_list(list, ELSEWHERE, &run);
        // What a client claims does not matter.
        let claim = ["--interface", "127.0.0.77", "--header", "X-Forwarded-For: 127.0.0.1", &http];
        scene.check_list(list, ELSEWHERE, &scene.curl(&claim));
        let h2 = format!("https://{LISTS_HOST}:{}{}", scene.proxy.https.port(), list.target());
        let run = scene.curl(&["--http2", "--interface", "127.0.0.77", &h2]);
        scene.check_list(list, ELSEWHERE, &run);
        let run = scene.curl(&["--http2", "-o", "/dev/null", "-w", "%{http_version}", &h2]);
        scene.check(run.output == "2", &format!("HTTP {} instead of 2", run.output), &run);
    }
    download_host(&scene);
    scripts_of_other_sites(&scene);
    let expectation =
        if program == Program::HaproxyClosing { Upstream::Closed } else { Upstream::Kept };
    upstream_connections(&scene, expectation);
}

/// Every file of a download host is a redirect to the best mirror, also with odd characters.
fn download_host(scene: &Scene) {
    for scheme in ["http", "https"] {
        let port = if scheme == "http" { scene.proxy.http } else { scene.proxy.https }.port();
        for path in ["pub/fixture/download/c++/", "pub/fixture/download/c%2B%2B/"] {
            let url = format!("{scheme}://{DOWNLOAD_HOST}:{port}/{path}");
            let print = "%{http_code} %{redirect_url}";
            let run = scene.curl(&["-o", "/dev/null", "-w", print, &url]);
            let expected = "302 https://mirror13.example/pub/fixture/download/c++/";
            scene.check(run.output == expected, &format!("expected {expected}"), &run);
        }
    }
}

/// What a browser asks before a script of another site may ask, and what it looks for in the answer.
fn scripts_of_other_sites(scene: &Scene) {
    let url = format!("http://{}{}", scene.proxy.http, List::Metalink.target());
    let preflight =
        ["--request", "OPTIONS", "--header", "Origin: https://other.example", "--header"];
    let preflight = [&preflight[..], &["Access-Control-Request-Method: GET"]].concat();
    for (arguments, status) in [(&preflight[..], "204"), (&[], "200")] {
        let print = "%{http_code} %header{access-control-allow-origin}";
        let run = scene.curl(&[arguments, &["-o", "/dev/null", "-w", print, &url]].concat());
        scene.check(run.output == format!("{status} *"), &format!("expected {status} *"), &run);
    }
}

#[derive(PartialEq, Clone, Copy)]
enum Upstream {
    Kept,
    Closed,
}

/// Connections to the servers are used again, or closed after each answer, as configured.
fn upstream_connections(scene: &Scene, expectation: Upstream) {
    scene.clear();
    let url = format!("http://{}{}", scene.proxy.http, List::Mirrorlist.target());
    let run = scene.curl(&vec![url.as_str(); 20]);
    scene.check(run.is_success(), "curl failed", &run);
    let exchanges = scene.exchanges();
    let mut connections: Vec<usize> = exchanges.iter().map(|e| e.connection).collect();
    connections.sort_unstable();
    connections.dedup();
    let told = format!("{} requests on {} connections", exchanges.len(), connections.len());
    scene.check(exchanges.len() == 20, &told, &run);
    let closes = |e: &Exchange| e.request_header("connection").is_some_and(|v| v == "close");
    match expectation {
        Upstream::Kept => scene.check(connections.len() <= 4, &told, &run),
        Upstream::Closed => {
            scene.check(connections.len() == 20, &told, &run);
            scene.check(exchanges.iter().all(closes), "a request lacks Connection: close", &run);
        }
    }
}

fn clients_get_their_own_order_through_nginx() {
    basic_cases(Program::Nginx);
}

fn clients_get_their_own_order_through_haproxy() {
    basic_cases(Program::Haproxy);
}

fn clients_get_their_own_order_through_haproxy_with_httpclose() {
    basic_cases(Program::HaproxyClosing);
}

fn clients_get_their_own_order_through_apache() {
    basic_cases(Program::Apache);
}

/// Fedora's check: HTTP/1.0, no Host, 200.
fn haproxy_sees_both_servers_up_and_goes_on_with_one() {
    let scene = Scene::set(Program::Haproxy);
    let url = format!("http://{}{}", scene.proxy.http, List::Metalink.target());
    wait_until("HAProxy has checked both servers and finds them UP", || {
        ["mirrorlist1", "mirrorlist2"].map(|name| status(&scene.proxy, name)) == ["UP", "UP"]
    });
    let all = scene.stage.recorder.exchanges();
    let check = all.iter().find(|exchange| is_check(exchange)).expect("a check was recorded");
    assert_eq!(check.status(), 200, "{check}");
    assert_eq!(check.request_header("host"), None, "{check}");

    let Scene { stage, second, second_recorder, proxy } = scene;
    drop((second, second_recorder));
    // At once, before any check has noticed.
    for _ in 0..4 {
        let run = curl(&stage, &["--fail", &url]);
        stage.check(run.is_success(), "a request failed because one of two servers is gone", &run);
    }
    wait_until("HAProxy takes the dead server out", || {
        ["mirrorlist1", "mirrorlist2"].map(|name| status(&proxy, name)) == ["UP", "DOWN"]
    });
}

/// The state of a server, if a check has succeeded or failed.
fn status(proxy: &Proxy, server: &str) -> String {
    let Ok(mut socket) = UnixStream::connect(proxy.admin_socket()) else { return String::new() };
    socket.write_all(b"show stat\n").unwrap();
    let mut table = String::new();
    socket.read_to_string(&mut table).unwrap();
    let mut lines = table.trim_start_matches("# ").lines();
    let column = |name| lines.clone().next()?.split(',').position(|column| column == name);
    let (Some(state), Some(check)) = (column("status"), column("check_status")) else {
        return String::new();
    };
    let line = lines.find(|line| line.starts_with(&format!("mirrorlistd,{server},")));
    let fields: Vec<&str> = line.unwrap_or_default().split(',').collect();
    match fields.get(check) {
        // No check has finished yet.
        None | Some(&"" | &"INI") => String::new(),
        Some(_) => fields[state].to_owned(),
    }
}
