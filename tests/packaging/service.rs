//! The installed service, run by systemd from the units and the configuration in the package.

use crate::built::Built;
use crate::host::Host;

tests! {
    the_service_serves_reloads_and_stops,
    broken_data_are_refused_and_the_operator_finds_out_why,
    a_wrong_configuration_is_not_tried_again_and_named,
    an_upgrade_restarts_what_runs_and_keeps_what_was_changed,
    removed_it_is_stopped_and_purged_it_is_gone,
    the_rpm_works_as_well,
    with_the_socket_a_restart_refuses_no_connection,
    a_unix_socket_has_its_folder,
    two_processes_share_the_files_and_one_answers_while_the_other_restarts,
    rotated_logs_lose_no_line,
    on_a_read_only_root_it_serves_and_counts_what_it_cannot_log,
    a_timer_scans_a_tree_and_a_refused_scan_fails,
}

/// What the demo data answers with a list and a line in the access log.
pub const DEMO: &str = "/mirrorlist?repo=demo-9&arch=x86_64&ip=192.0.2.10";

pub const CONFIGURATION: &str = "/etc/mirrorlistd/mirrorlistd.toml";

/// Asks a process for a list of the demo data.
#[track_caller]
fn check_answers(host: &Host, port: u16) {
    let list = host.get(&format!("http://127.0.0.1:{port}{DEMO}"));
    assert!(list.contains("mirror.berlin.example"), "{list}");
}

/// The value of a metric without labels.
#[track_caller]
fn metric(host: &Host, name: &str) -> f64 {
    let page = host.get("http://127.0.0.1:3001/metrics");
    let mut lines = page.lines().filter_map(|line| line.split_once(' '));
    let (_, value) = lines.find(|(series, _)| *series == name).unwrap_or_else(|| panic!("{name}"));
    value.parse().unwrap()
}

fn the_service_serves_reloads_and_stops() {
    let host = Host::with_package();
    // Nothing runs before the operator has said which data to serve.
    assert_eq!(host.property("mirrorlistd.service", "ActiveState"), "inactive");
    host.run("systemctl enable --now mirrorlistd.service");
    assert_eq!(host.property("mirrorlistd.service", "ActiveState"), "active");
    check_answers(&host, 3000);
    let status = host.property("mirrorlistd.service", "StatusText");
    assert!(status.starts_with("serving generation "), "{status}");
    assert_eq!(host.property("mirrorlistd.service", "WatchdogUSec"), "30s");

    let pid = host.property("mirrorlistd.service", "MainPID");
    assert_eq!(
        host.run(&format!("stat --format=%U:%G /proc/{pid}")).trim(),
        "mirrorlistd:mirrorlistd"
    );
    let status = host.read(&format!("/proc/{pid}/status"));
    for expected in
        ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"]
    {
        assert!(status.contains(expected), "{expected} is not in\n{status}");
    }
    let limit = host.run(&format!("prlimit --pid {pid} --nofile --output SOFT --noheadings"));
    assert_eq!(limit.trim(), "16384");

    host.run("systemctl reload mirrorlistd.service");
    let reloads = "mirrorlistd_reloads_total{trigger=\"signal\",outcome=\"published\"}";
    host.wait_until("the data are reloaded", |host| metric(host, reloads) >= 1.0);
    assert_eq!(host.property("mirrorlistd.service", "MainPID"), pid, "it runs on");
    // The hardened unit lets reloads step behind answers.
    let threads = host.run(&format!("ps -T -o ni=,comm= -p {pid} | sort -u"));
    assert!(threads.contains(" 10 reload\n") && threads.contains(" 0 worker\n"), "{threads}");

    host.run("systemctl stop mirrorlistd.service");
    assert_eq!(host.property("mirrorlistd.service", "Result"), "success");
    assert_eq!(host.property("mirrorlistd.service", "ExecMainStatus"), "0");
    let log = host.read("/var/log/mirrorlistd/mirrorlist.log");
    assert!(log.starts_with("IP: 192.0.2.10; "), "{log}");
    let mode = host.run("stat --format='%A %U %n' /var/log/mirrorlistd /var/log/mirrorlistd/*.log");
    assert_eq!(
        mode,
        "drwxr-x--- mirrorlistd /var/log/mirrorlistd\n\
         -rw-r----- mirrorlistd /var/log/mirrorlistd/mirrorlist.log\n"
    );
}

/// What the handbook tells to try.
fn broken_data_are_refused_and_the_operator_finds_out_why() {
    let host = Host::with_package();
    host.run("mirrorlistd compile --demo -o /var/lib/mirrorlistd/mirrors.snapshot");
    host.run(&format!(
        "sed -i -e 's/^demo = true$//' -e '0,/^#snapshot = /s//snapshot = /' {CONFIGURATION}"
    ));
    host.run(&format!("mirrorlistd check --config {CONFIGURATION}"));
    host.run("systemctl start mirrorlistd.service");
    check_answers(&host, 3000);
    assert!((metric(&host, "mirrorlistd_last_load_success") - 1.0).abs() < 0.1);

    host.run("truncate --size=1000 /var/lib/mirrorlistd/mirrors.snapshot");
    // A refused reload is no failed one: the service goes on.
    host.run("systemctl reload mirrorlistd.service");
    host.wait_until("the reload is refused", |host| {
        metric(host, "mirrorlistd_last_load_success") < 0.1
    });
    check_answers(&host, 3000);
    let ready = host.get("http://127.0.0.1:3001/readyz");
    assert!(ready.contains("/var/lib/mirrorlistd/mirrors.snapshot"), "{ready}");
    host.wait_until("the journal says why", |host| {
        host.journal().contains("/var/lib/mirrorlistd/mirrors.snapshot")
    });
    host.wait_until("systemd knows why", |host| {
        let status = host.property("mirrorlistd.service", "StatusText");
        status.contains("refused: /var/lib/mirrorlistd/mirrors.snapshot")
    });

    // Without data to fall back to it does not start, says why in one line, and tries again until
    // somebody has mended them.
    assert!(!host.try_run("systemctl restart mirrorlistd.service").status.success());
    host.wait_until("the journal says why", |host| {
        host.journal().contains("mirrorlistd: /var/lib/mirrorlistd/mirrors.snapshot")
    });
    host.run("mirrorlistd compile --demo -o /var/lib/mirrorlistd/mirrors.snapshot");
    host.wait_until("it serves again", |host| {
        host.property("mirrorlistd.service", "ActiveState") == "active"
    });
    check_answers(&host, 3000);
}

fn a_wrong_configuration_is_not_tried_again_and_named() {
    let host = Host::with_package();
    host.run(&format!("echo 'lisen = 1' >> {CONFIGURATION}"));
    assert!(!host.try_run("systemctl start mirrorlistd.service").status.success());
    assert_eq!(host.property("mirrorlistd.service", "ActiveState"), "failed");
    assert_eq!(host.property("mirrorlistd.service", "NRestarts"), "0");
    host.wait_until("the journal says why", |host| host.journal().contains("unknown key `lisen`"));
}

fn an_upgrade_restarts_what_runs_and_keeps_what_was_changed() {
    let host = Host::with_package();
    host.run(&format!("echo '# mine' >> {CONFIGURATION}"));
    host.run("systemctl enable --now mirrorlistd@1.service");
    let old = host.property("mirrorlistd@1.service", "MainPID");
    host.install_deb();
    let new = host.property("mirrorlistd@1.service", "MainPID");
    assert!(old != new && new != "0", "{old} {new}");
    assert_eq!(host.property("mirrorlistd.service", "ActiveState"), "inactive");
    assert!(host.read(CONFIGURATION).ends_with("# mine\n"));
    check_answers(&host, 18_081);
}

fn removed_it_is_stopped_and_purged_it_is_gone() {
    let host = Host::with_package();
    host.run("systemctl enable --now mirrorlistd.service mirrorlistd@1.service");
    check_answers(&host, 3000);
    host.run("dpkg --remove mirrorlistd");
    assert_eq!(host.run("pgrep -c mirrorlistd || true").trim(), "0");
    assert!(host.read(CONFIGURATION).contains("demo = true"));
    host.run("dpkg --purge mirrorlistd");
    assert_left(&host, "/var/lib/mirrorlistd\n");
}

fn the_rpm_works_as_well() {
    let host = Host::boot();
    host.copy(&Built::get().rpm, "/root/mirrorlistd.rpm");
    // Debian's packages are not known to rpm.
    host.run("rpm --install --nodeps /root/mirrorlistd.rpm");
    host.run("systemctl enable --now mirrorlistd.service");
    check_answers(&host, 3000);
    host.run("rpm --erase mirrorlistd");
    assert_eq!(host.run("pgrep -c mirrorlistd || true").trim(), "0");
    assert_left(&host, "/var/lib/mirrorlistd\n/var/log/mirrorlistd\n");
}

fn with_the_socket_a_restart_refuses_no_connection() {
    let host = Host::with_package();
    host.run("systemctl enable --now mirrorlistd.socket mirrorlistd@1.socket");
    assert_eq!(host.property("mirrorlistd.service", "ActiveState"), "inactive");
    // The first connection starts it.
    check_answers(&host, 3000);
    check_answers(&host, 18_081);
    assert_eq!(host.property("mirrorlistd.service", "ActiveState"), "active");

    // A connection for each request, while the service restarts under them.
    let url = format!("http://127.0.0.1:3000{DEMO}");
    host.write("/root/codes", "");
    let mut clients = host
        .command(&format!(
            "while [ ! -e /root/enough ]; do \
             curl --silent --output /dev/null --max-time 120 --write-out '%{{http_code}} %{{time_total}}\\n' '{url}' \
             >> /root/codes; done"
        ))
        .spawn()
        .unwrap();
    for _ in 0..3 {
        let pid = host.property("mirrorlistd.service", "MainPID");
        host.run("systemctl restart mirrorlistd.service");
        assert_ne!(host.property("mirrorlistd.service", "MainPID"), pid);
        let n_answers = |host: &Host| host.read("/root/codes").lines().count();
        let before = n_answers(&host);
        host.wait_until("clients are answered", |host| n_answers(host) >= before + 5);
    }
    host.write("/root/enough", "");
    assert!(clients.wait().unwrap().success());
    let codes = host.read("/root/codes");
    // A service that ends waits for a quarter of a second for the request of a connection that it has
    // accepted. On a busy machine curl may take longer to send one.
    let is_late = |rest: &str| rest.parse::<f64>().is_ok_and(|seconds| seconds >= 0.25);
    let is_fine = |line: &str| match line.split_once(' ') {
        Some(("200", _)) => true,
        Some(("000", seconds)) => is_late(seconds),
        _ => false,
    };
    assert!(codes.lines().all(is_fine), "{codes}");
    host.run("dpkg --purge mirrorlistd");
    assert!(!host.try_run(&format!("curl --silent '{url}'")).status.success());
}

fn a_unix_socket_has_its_folder() {
    let host = Host::with_package();
    host.run(&format!(
        "sed -i -e 's/^#socket_mode = .*/socket_mode = \"0666\"/' {CONFIGURATION}; \
         printf '[[listener]]\\naddress = \"unix:/run/mirrorlistd/http.sock\"\\n' >> {CONFIGURATION}"
    ));
    host.run("systemctl start mirrorlistd.service");
    let list = host.run(&format!(
        "curl --silent --show-error --unix-socket /run/mirrorlistd/http.sock 'http://localhost{DEMO}'"
    ));
    assert!(list.contains("mirror.berlin.example"), "{list}");
}

/// Checks which files still have the name.
#[track_caller]
fn assert_left(host: &Host, expected: &str) {
    let left = host.run(
        "find /etc /usr /var/lib /var/log /run -path /run/systemd -prune -o -name '*mirrorlistd*' \
         -not -path '/usr/share/man/*/*' -not -path '/var/lib/systemd/*' -print | sort",
    );
    assert_eq!(left, expected);
}

fn two_processes_share_the_files_and_one_answers_while_the_other_restarts() {
    let host = Host::with_package();
    host.run("systemctl enable --now mirrorlistd@1.service mirrorlistd@2.service");
    for number in ["1", "2"] {
        host.get(&format!("http://127.0.0.1:1808{number}{DEMO}"));
        let ready = host.get(&format!("http://127.0.0.1:1908{number}/readyz"));
        assert!(ready.starts_with("ready"), "{ready}");
        host.wait_until("the list is logged", |host| {
            host.read(&format!("/var/log/mirrorlistd/mirrorlist{number}.log")).starts_with("IP: ")
        });
    }
    host.run("systemctl stop mirrorlistd@1.service");
    check_answers(&host, 18_082);
    host.run("systemctl start mirrorlistd@1.service");
    check_answers(&host, 18_081);
}

fn rotated_logs_lose_no_line() {
    let host = Host::with_package();
    host.run("systemctl start mirrorlistd.service mirrorlistd@1.service");
    check_answers(&host, 3000);
    check_answers(&host, 18_081);
    let log = "/var/log/mirrorlistd/mirrorlist.log";
    host.wait_until("the list is logged", |host| host.read(log).lines().count() == 1);
    host.wait_until("the list is logged", |host| {
        host.read("/var/log/mirrorlistd/mirrorlist1.log").lines().count() == 1
    });
    let pid = host.property("mirrorlistd.service", "MainPID");
    host.run("logrotate --force --state /root/logrotate.state /etc/logrotate.d/mirrorlistd");
    host.wait_until("the log is opened anew", |host| {
        host.run("ls /var/log/mirrorlistd | wc -l").trim() == "4"
    });
    assert_eq!(host.property("mirrorlistd.service", "MainPID"), pid, "it runs on");
    check_answers(&host, 3000);
    host.wait_until("the list is logged", |host| host.read(log).lines().count() == 1);
    let lines = host.run(&format!("cat {log}-* | wc -l"));
    assert_eq!(lines.trim(), "1");
    // A host where it does not run has nothing to complain about.
    host.run("systemctl stop mirrorlistd.service mirrorlistd@1.service");
    host.run("rm /var/log/mirrorlistd/*-*");
    host.run("logrotate --force --state /root/logrotate.state /etc/logrotate.d/mirrorlistd");
}

fn on_a_read_only_root_it_serves_and_counts_what_it_cannot_log() {
    let host = Host::with_package();
    host.run("mount -o remount,ro /");
    assert!(!host.try_run("touch /var/log/mirrorlistd/x").status.success(), "it is read-only");
    host.run("systemctl start mirrorlistd.service");
    check_answers(&host, 3000);
    let dropped = "mirrorlistd_access_log_lines_total{outcome=\"dropped\"}";
    host.wait_until("the line is counted", |host| metric(host, dropped) >= 1.0);
    host.run("systemctl reload mirrorlistd.service");
    check_answers(&host, 3000);
    host.run("systemctl stop mirrorlistd.service");
    assert_eq!(host.property("mirrorlistd.service", "Result"), "success");
}

fn a_timer_scans_a_tree_and_a_refused_scan_fails() {
    let host = Host::with_package();
    host.run(
        "for number in 1 2 3; do \
         mkdir -p \"/srv/my tree-9/$number/os/repodata\"; \
         echo '<repomd/>' > \"/srv/my tree-9/$number/os/repodata/repomd.xml\"; done",
    );
    let name = host.run("systemd-escape --path '/srv/my tree-9'").trim().to_owned();
    let [timer, service] =
        ["timer", "service"].map(|kind| format!("mirrorlistd-scan@{name}.{kind}"));
    let index = format!("/var/lib/mirrorlistd/scan/{name}.index");
    host.run(&format!("systemctl enable --now '{timer}'"));
    host.wait_until("the tree is scanned", |host| {
        host.try_run(&format!("test -e '{index}'")).status.success()
    });
    host.wait_until("the scan has ended", |host| {
        host.property(&service, "ActiveState") == "inactive"
    });
    let shown = host.run(&format!("mirrorlistd inspect --repositories '{index}'"));
    assert!(shown.starts_with("repository 1/os\n"), "{shown}");
    let owner = host.run(&format!("stat --format='%A %U' '{index}'"));
    assert_eq!(owner, "-rw-r--r-- mirrorlistd\n");
    // The service that serves can read it.
    host.run(&format!("runuser --user mirrorlistd -- cat '{index}' > /dev/null"));

    host.run("rm -r '/srv/my tree-9/1' '/srv/my tree-9/2'");
    assert!(!host.try_run(&format!("systemctl start '{service}'")).status.success());
    assert_eq!(host.property(&service, "Result"), "exit-code");
    host.wait_until("the journal says why", |host| {
        host.journal().contains("are gone since the last scan")
    });
    assert_eq!(host.run(&format!("mirrorlistd inspect --repositories '{index}'")), shown);

    host.run("dpkg --purge mirrorlistd");
    let left =
        host.run("systemctl list-units --plain --no-legend --all 'mirrorlistd-scan@*.timer'");
    assert_eq!(left, "");
}
