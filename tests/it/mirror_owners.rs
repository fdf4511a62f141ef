//! What owners of mirrors may do over TCP with tokens of theirs, and what comes of it.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::sync::Arc;

use lab::loopback::LoopbackMirror;
use lab::mirror::{Behaviour, Mirror};
use serde_json::{Value, json};

use crate::scan::{Tree, repomd};
use crate::server::{PATIENCE, Server, patient, run, wait_until};

const REPOMD: &str = "9/x86_64/repodata/repomd.xml";
const OPERATOR: &str = "0123456789abcdef";
const OWNER: &str = "1123456789abcdef";

/// A server that visits two mirrors, and whose admin listener is reached over TCP.
struct Site {
    server: Server,
    admin: String,
    mirrors: Vec<Arc<Mirror>>,
    _served: Vec<LoopbackMirror>,
}

impl Site {
    fn new() -> Self {
        let tree = Tree::new();
        tree.repository("9/x86_64", 1);
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let scanned = run(&["scan", tree.path("").to_str().unwrap(), "-o", &path("index")]);
        assert!(scanned.status.success(), "{scanned:?}");
        let mut catalog = "[distribution]\nname = \"Example\"\n\n\
             [[repository]]\nname = \"example\"\nversions = [\"9\"]\narches = [\"x86_64\"]\n\
             path = \"{version}/{arch}\"\n\n"
            .to_owned();
        let (mut mirrors, mut served) = (Vec::new(), Vec::new());
        for key in ["berlin", "lima"] {
            let content = repomd(1);
            let files = [(&*format!("/pub/{REPOMD}"), content.as_bytes())];
            let mirror = Arc::new(Mirror::new(Behaviour::Good, &files));
            let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let listener = LoopbackMirror::start(ip, Arc::clone(&mirror), None);
            let address = listener.address;
            catalog += &format!(
                "[[mirror]]\nkey = \"{key}\"\nurls = [\"http://{address}/pub\"]\ncountry = \"DE\"\n\n"
            );
            mirrors.push(mirror);
            served.push(listener);
        }
        fs::write(path("catalog.toml"), catalog).unwrap();
        for (name, line) in [
            ("tokens", format!("ci {OPERATOR}\nbob {OWNER} mirror=berlin\n")),
            ("operator", format!("ci {OPERATOR}\n")),
            ("owner", format!("bob {OWNER} mirror=berlin\n")),
        ] {
            fs::write(path(name), line).unwrap();
            fs::set_permissions(path(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let config = format!(
            "catalog = '{}'\nindex = '{}'\nfindings_file = '{}'\nadmin.listen = '127.0.0.1:0'\n\n\
             [control]\nstate = '{}'\ntoken_file = '{}'\nvisit_mirrors = true\nvisits_every = 1\n\
             visit_over = ['ipv4']\nallow_private_targets = true\n",
            path("catalog.toml"),
            path("index"),
            path("findings"),
            path("state"),
            path("tokens"),
        );
        let file = path("control.toml");
        fs::write(&file, patient(&config)).unwrap();
        let server = Server::start_in(folder, &["--config", &file]);
        server.wait_for_log("admin listener on http://");
        let log = server.stderr();
        let (_, address) = log.split_once("admin listener on http://").unwrap();
        let admin = address.lines().next().unwrap().to_owned();
        let site = Self { server, admin, mirrors, _served: served };
        wait_until("mirrors are visited", || {
            let list = site.get("/api/v1/mirrors")["mirrors"].clone();
            let is_visited = |mirror: &Value| !mirror["last_visit"].is_null();
            list.as_array().is_some_and(|list| list.len() == 2 && list.iter().all(is_visited))
        });
        site
    }

    /// Runs a command of the program against the server, as somebody who has a token.
    fn ask(&self, who: &str, args: &[&str]) -> Output {
        let token = self.server.path(who).to_str().unwrap().to_owned();
        run(&[args, &["--admin", &self.admin, "--token-file", &token]].concat())
    }

    /// Sends a request: the status, the head and the body of the answer.
    fn send(&self, request: &str, head: &str, body: &[u8]) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.admin).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let n = body.len();
        let head = format!(
            "{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {n}\r\n{head}\r\n"
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), head.to_lowercase(), body.to_owned())
    }

    fn get(&self, target: &str) -> Value {
        let (_, _, body) = self.send(&format!("GET {target}"), "", b"");
        serde_json::from_str(&body).unwrap_or(Value::Null)
    }

    /// Sends JSON with a token: the status, the head of the answer, and what it says.
    fn post(&self, target: &str, token: &str, body: &Value) -> (u16, String, Value) {
        let head = format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n");
        let body = body.to_string();
        let (status, head, body) = self.send(&format!("POST {target}"), &head, body.as_bytes());
        (status, head, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    fn mirror(&self, key: &str) -> Value {
        self.get(&format!("/api/v1/mirrors/{key}"))["mirror"].clone()
    }
}

#[test]
fn an_owner_has_the_own_mirror_checked_and_nothing_else() {
    let site = Site::new();
    let before = site.mirrors[0].asked().len();
    let checked = site.ask("owner", &["mirror", "check", "berlin", "--quiet", "--json"]);
    assert!(checked.status.success(), "{checked:?}");
    let task: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((&task["kind"], &task["state"]), (&"mirror.visit".into(), &"completed".into()));
    assert_eq!((&task["args"]["mirror"], &task["actor"]), (&"berlin".into(), &"token bob".into()));
    assert_eq!(task["result"]["visits"], 2, "{task}");
    assert!(site.mirrors[0].asked().len() >= before + 2);

    // Once in ten minutes; operators at any time.
    let again = site.ask("owner", &["mirror", "check", "berlin"]);
    let reason = String::from_utf8(again.stderr).unwrap();
    assert!(reason.contains("can have it checked every 10 minutes; ask again in "), "{reason}");
    let (status, head, body) = site.post("/api/v1/mirrors/berlin/check", OWNER, &json!({}));
    assert_eq!((status, &body["error"]["code"]), (429, &"too_early".into()), "{body}");
    let seconds = head.lines().find_map(|line| line.strip_prefix("retry-after: ")).unwrap();
    assert!((500..=600).contains(&seconds.parse::<u64>().unwrap()), "{head}");
    for _ in 0..2 {
        let checked = site.ask("operator", &["mirror", "check", "berlin", "--quiet"]);
        assert!(checked.status.success(), "{checked:?}");
    }
    let unknown = site.ask("operator", &["mirror", "check", "berlim"]);
    let reason = String::from_utf8(unknown.stderr).unwrap();
    assert!(reason.contains("did you mean `berlin`?"), "{reason}");

    // Nothing else, whether it exists or not.
    for (target, body) in [
        ("/api/v1/mirrors/lima/check", json!({})),
        ("/api/v1/mirrors/nowhere/check", json!({})),
        ("/api/v1/mirrors/lima/pause", json!({"reason": "x"})),
        ("/api/v1/tasks", json!({"kind": "mirror.visit", "args": {"mirror": "berlin"}})),
        ("/api/v1/queues/net/pause", json!({"reason": "x"})),
    ] {
        let (status, _, answer) = site.post(target, OWNER, &body);
        assert_eq!((status, &answer["error"]["code"]), (403, &"token_of_owner".into()), "{target}");
    }
    let (status, _, _) = site.post("/api/v1/mirrors/berlin/check", "2123456789abcdef", &json!({}));
    assert_eq!(status, 401);
}

#[test]
fn maintenance_is_planned_and_shown_and_an_owner_ends_what_owners_have_begun() {
    let site = Site::new();
    let listed = || {
        let body = site.server.get("/mirrorlist?repo=example-9&arch=x86_64").body;
        body.lines().filter(|line| line.starts_with("http")).count()
    };
    wait_until("both are listed", || listed() == 2);
    let times = ["--from", "2096-11-28T02:00:00Z", "--until", "2096-11-28T05:00:00Z"];
    let pause = ["mirror", "pause", "berlin", "--reason", "new disks"];
    let planned = site.ask("owner", &[&pause[..], &times].concat());
    let said = String::from_utf8(planned.stdout).unwrap();
    assert!(
        said.starts_with("mirror berlin is in maintenance from 2096-11-28T02:00:00Z"),
        "{said}"
    );
    let shown = String::from_utf8(site.ask("owner", &["mirror", "show", "berlin"]).stdout).unwrap();
    let line = "maintenance from 2096-11-28 02:00:00 UTC until 2096-11-28 05:00:00 UTC by token bob: new disks\n";
    assert!(shown.contains(line), "{shown}");
    assert!(shown.contains("ok  mirror: listed; maintenance begins in "), "{shown}");
    let list = String::from_utf8(site.ask("owner", &["mirror", "list"]).stdout).unwrap();
    assert!(list.lines().any(|line| line.contains(" yes ") && line.contains("maintenance in ")));

    // What goes on now is out of the lists.
    let now = site.ask("owner", &[&pause[..], &["--until", "2026-01-01"]].concat());
    let said = String::from_utf8(now.stderr).unwrap();
    assert!(said.contains("the maintenance would have ended already"), "{said}");
    let at = |seconds: u64| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        model::date::Timestamp { seconds: now.as_secs() + seconds }.to_string()
    };
    let now = site.ask("owner", &[&pause[..], &["--until", &at(3_600)]].concat());
    assert!(now.status.success(), "{now:?}");
    // It is in effect from the next visit on, which is due in a minute.
    assert!(site.ask("operator", &["mirror", "check", "berlin", "--quiet"]).status.success());
    wait_until("it is not listed", || listed() == 1);
    let mirror = site.mirror("berlin");
    assert_eq!((&mirror["listed"], &mirror["why"]), (&"no".into(), &"in maintenance".into()));
    assert!(site.ask("owner", &["mirror", "resume", "berlin"]).status.success());
    wait_until("it is listed again", || listed() == 2);
    assert_eq!(site.mirror("berlin")["maintenance"], json!([]));

    // An operator's pause is not the owner's to end.
    assert!(site.ask("operator", &pause).status.success());
    let (status, _, answer) = site.post("/api/v1/mirrors/berlin/resume", OWNER, &json!({}));
    assert_eq!((status, &answer["error"]["code"]), (409, &"paused_by_operator".into()));
    // They may plan, and are not told what the operator has noted.
    let plan =
        json!({"reason": "y", "from": "2096-01-01T00:00:00Z", "until": "2096-01-02T00:00:00Z"});
    let (status, _, answer) = site.post("/api/v1/mirrors/berlin/pause", OWNER, &plan);
    let paused = &answer["mirror"]["paused"];
    assert_eq!((status, paused["since"].is_string(), &paused["note"]), (200, true, &Value::Null));
    assert_eq!(site.mirror("berlin")["paused"]["note"], "token ci: new disks");
    for body in [
        json!({"reason": "x", "from": "2096-01-01"}),
        json!({"reason": "x", "until": "tomorrow"}),
        json!({"reason": "x", "until": "2096-01-01"}),
        json!({"reason": "x", "from": "2096-01-02", "until": "2096-01-01"}),
        json!({"until": "2096-01-01"}),
    ] {
        let (status, _, answer) = site.post("/api/v1/mirrors/berlin/pause", OPERATOR, &body);
        assert_eq!((status, &answer["error"]["code"]), (400, &"invalid".into()), "{answer}");
    }
    assert!(site.ask("operator", &["mirror", "resume", "berlin"]).status.success());
}

#[test]
fn a_mirror_checks_in_with_a_token_or_as_report_mirror_does() {
    let site = Site::new();
    let checkin = |mirror: &str| json!({"mirror": mirror, "category": "x", "finished_at": 1, "directories": ["9", "../x"]});
    let post = |token: &str, body: &Value| {
        let (status, _, answer) = site.post("/api/v1/checkin", token, body);
        (status, answer)
    };
    let (status, answer) = post(OWNER, &checkin("berlin"));
    assert_eq!((status, &answer["directories"], &answer["skipped"]), (200, &1.into(), &1.into()));
    assert_eq!(site.mirror("berlin")["checked_in"]["directories"], 1);
    assert_eq!(site.mirror("lima")["checked_in"], Value::Null);
    let shown = String::from_utf8(site.ask("owner", &["mirror", "show", "berlin"]).stdout).unwrap();
    assert!(shown.contains("\nchecked in "), "{shown}");
    assert_eq!(post(OWNER, &checkin("lima")).0, 403);
    assert_eq!(post("2123456789abcdef", &checkin("berlin")).0, 401);
    let (status, answer) = post(OPERATOR, &checkin("nowhere"));
    assert_eq!((status, &answer["error"]["code"]), (404, &"unknown_name".into()));
    let (status, answer) = post(OWNER, &json!({"mirror": "berlin"}));
    assert_eq!((status, &answer["error"]["code"]), (400, &"invalid".into()), "{answer}");
    // A long one is taken, and one that is too long is not.
    let directories: Vec<String> = (0..20_000).map(|n| format!("directory-{n}")).collect();
    let long =
        json!({"mirror": "berlin", "category": "x", "finished_at": 1, "directories": directories});
    assert_eq!(post(OWNER, &long).1["directories"], 20_000);
    let head = "Content-Type: application/json\r\n";
    let request = "POST /api/v1/checkin";
    assert_eq!(site.send(request, &format!("{head}Expect: 100-continue\r\n"), b"").0, 401);
    assert_eq!(site.send("POST /api/v1/tasks", head, &[b' '; 70_000]).0, 413);

    // MirrorManager's program, with the token as the password of the site.
    let report = |argument: &str, path: &str| {
        let body = call(argument);
        site.send(&format!("POST {path}"), "Content-Type: text/xml\r\n", body.as_bytes())
    };
    for path in ["/xmlrpc", "/mirrormanager/xmlrpc"] {
        let (status, head, body) = report(REPORT, path);
        assert_eq!(status, 200, "{body}");
        assert!(head.contains("content-type: text/xml"), "{head}");
        assert!(
            body.contains("<string>Thank you: mirror berlin has checked in with 2 directories"),
            "{body}"
        );
    }
    let (status, _, body) = report(REPORT_OF_OPERATOR, "/xmlrpc");
    assert_eq!(status, 200);
    assert!(body.contains("is no token of an owner</string>"), "{body}");
    let (status, _, body) = site.send("POST /xmlrpc", "", b"<a/>");
    assert_eq!(status, 200);
    assert!(body.contains("The check-in is refused: it is no call of XML-RPC"), "{body}");
    assert_eq!(site.send("GET /xmlrpc", "", b"").0, 405);
}

/// What `report_mirror` sends with this argument: a report in JSON, packed.
fn call(argument: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<methodCall>\n<methodName>checkin</methodName>\n<params>\n<param>\n\
         <value><string>{argument}</string></value>\n</param>\n</params>\n</methodCall>\n"
    )
}

/// What Python's `base64.urlsafe_b64encode(bz2.compress(…))` makes of the report of a mirror with two directories, whose
/// password is `OWNER`, and whose host has another name than the key of the mirror.
const REPORT: &str = "\
    QlpoOTFBWSZTWdJ_3RcAAJZfgEAAUAX_8AIAAAC_59_KMADZYGqNpD1DQAANHqAA1MptU9ppqh6j1ADQAbUEp6qQND\
    R6mg0epoNA0aYVkZFBGId6Bhpia0xEwoX0-HBv8yvt0FQIQ3Xa9tLY0AjKVdkqspGc48p87embqkBeyOGwDZLCGQOn\
    tqOgLIyaAyKQmj3wExYDTQwDRilTMkJkQjRTpn0igBv0-dWQPYxb9UBAdQVK3yGqSOJsRBDizYEUbrmJ1B2AXespPL\
    hJMFa769kBcofchOBg_4u5IpwoSGk_7ouA";

/// The same with the password `OPERATOR`.
const REPORT_OF_OPERATOR: &str = "\
    QlpoOTFBWSZTWUCth_sAAJZfgEAAUAX_8AIAAAC_59_KMADaNCVMoR-oyTyTTINMmQZAiaCeU00AAAAGg01QAAANAA\
    aNGUhHSQCCiGwgBkaKJgRFIGh0eCwr5nXlEJAEByZ58OLJeiggkY2XxhuHNTz6de2HdsUHBqki6wM9LpjAa3XLRAnm\
    aZ-QVVrkfdiaE4ZNowNpBVjVQ6lEJ3sr64jwWGPzxVQQtUt2kFAshHy_fSzfRAhaIgxK2tUIrecAuME0gB2mROK4mK\
    Nr3UVIB4o9-Clyi_xdyRThQkECth_s";
