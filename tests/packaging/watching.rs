//! Alerts and the dashboard against a real `/metrics`, and through a real Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::built::{contrib, contrib_text, run};
use crate::host::Host;
use crate::packages;
use crate::promql::{self, Use};
use crate::service::{CONFIGURATION, DEMO};

tests! {
    alerts_and_dashboard_use_what_the_server_offers,
    promtool_accepts_rules_configuration_and_the_dashboards_expressions,
    every_alert_fires_when_it_should_and_not_before,
    the_handbook_says_what_to_do_about_every_alert,
    the_dashboard_is_well_formed,
    prometheus_sees_the_installed_service,
}

const DASHBOARD: &str = "grafana/mirrorlistd.json";

/// Labels that Prometheus adds to what it scrapes.
const TARGET_LABELS: [&str; 2] = ["job", "instance"];

/// Visits the mirrors of a catalog, which are nowhere.
const CHECKS: &str = "admin.listen = \"127.0.0.1:3002\"
catalog = \"/root/checked/catalog.toml\"
findings_file = \"/root/checked/findings.json\"
[control]
snapshot = \"/root/checked/snapshot\"
state = \"/root/checked/state\"
visit_mirrors = true
visit_over = [\"ipv4\"]
visits_every = 1
";

/// What a server offers: the values of each label, by metric.
struct Offered(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Offered {
    /// Asks a server that has given answers, watches its data, and has done background work on schedule, and
    /// another process that visits mirrors.
    fn by_a_server() -> Self {
        let host = Host::with_package();
        let control = r#"state = "/var/lib/mirrorlistd/state"\ncompile_every = 1"#;
        host.run(&format!(
            "sed -i -e 's/^#watch = .*/watch = true/' -e '/^\\[control\\]/a {control}' {CONFIGURATION}"
        ));
        host.run("systemctl start mirrorlistd.service");
        host.get(&format!("http://127.0.0.1:3000{DEMO}&countme=1"));
        let metrics = |host: &Host| host.get("http://127.0.0.1:3001/metrics");
        let last = "mirrorlistd_schedule_last_success_timestamp_seconds{";
        host.wait_until("a schedule has succeeded", |host| metrics(host).contains(last));
        let checks = Self::by_checks(&host);
        Self::parse(&(metrics(&host) + &checks))
    }

    /// What a process says that has made a sweep over mirrors.
    fn by_checks(host: &Host) -> String {
        host.run("mirrorlistd init /root/checked");
        host.run(&format!("cat > /root/checks.toml << 'END'\n{CHECKS}END"));
        let mut checks = host
            .command("exec mirrorlistd control --config /root/checks.toml")
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let ask = "curl -s http://127.0.0.1:3002/metrics";
        let page = |host: &Host| String::from_utf8(host.try_run(ask).stdout).unwrap();
        let is_swept = |page: &str| page.contains("\nmirrorlistd_repositories{");
        host.wait_until("mirrors are visited", |host| is_swept(&page(host)));
        let page = page(host);
        checks.kill().unwrap();
        checks.wait().unwrap();
        page
    }

    fn parse(page: &str) -> Self {
        let mut metrics = BTreeMap::new();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let (series, _) = line.rsplit_once(' ').expect(line);
            let (name, labels) = match series.split_once('{') {
                Some((name, labels)) => (name, labels.strip_suffix('}').expect(line)),
                None => (series, ""),
            };
            let metric: &mut BTreeMap<String, BTreeSet<String>> =
                metrics.entry(name.to_owned()).or_default();
            for label in labels.split("\",").filter(|label| !label.is_empty()) {
                let (key, value) = label.split_once("=\"").expect(line);
                metric
                    .entry(key.to_owned())
                    .or_default()
                    .insert(value.trim_end_matches('"').into());
            }
        }
        // Prometheus itself makes this one.
        metrics.insert("up".to_owned(), BTreeMap::new());
        // The catalog that is visited here has no index, so nobody says when the primary was scanned; the tests of sweeps
        // have one.
        metrics.insert("mirrorlistd_primary_scan_timestamp_seconds".to_owned(), BTreeMap::new());
        Self(metrics)
    }

    /// What an expression uses and is not offered.
    fn missing(&self, expression: &str) -> Vec<String> {
        let mut missing = Vec::new();
        let uses = promql::uses(expression);
        assert!(!uses.is_empty(), "no metric is found in {expression}");
        for Use { metric, labels, values } in uses {
            let Some(offered) = self.0.get(&metric) else {
                missing.push(format!("metric {metric}"));
                continue;
            };
            let is_offered =
                |label: &str| TARGET_LABELS.contains(&label) || offered.contains_key(label);
            missing.extend(
                labels
                    .iter()
                    .filter(|label| !is_offered(label))
                    .map(|l| format!("{metric}{{{l}}}")),
            );
            for (label, value) in values {
                // The only instance-independent target label is the job, which alerts and dashboard
                // must agree on.
                let known = match label.as_str() {
                    "job" => value == "mirrorlistd",
                    "instance" => true,
                    _ => offered.get(&label).is_some_and(|values| values.contains(&value)),
                };
                if !known {
                    missing.push(format!("{metric}{{{label}={value:?}}}"));
                }
            }
        }
        missing
    }
}

/// The expressions of the alerts, as promtool's parser sees them: by name.
fn alerts() -> Vec<(String, String)> {
    let text = contrib_text("prometheus/alerts.yml");
    let mut alerts = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(name) = line.trim().strip_prefix("- alert: ") {
            alerts.push((name.to_owned(), String::new()));
        } else if let Some(rest) = line.trim().strip_prefix("expr: ") {
            let mut expression = rest.trim_start_matches('|').to_owned();
            while lines.peek().is_some_and(|line| line.starts_with("          ")) {
                expression = expression + " " + lines.next().unwrap_or_default().trim();
            }
            alerts.last_mut().unwrap().1 = expression;
        }
    }
    assert!(alerts.len() > 5 && alerts.iter().all(|(_, e)| !e.is_empty()), "{alerts:?}");
    alerts
}

/// Every value of a key, anywhere in a JSON document.
fn collect<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get(key));
            map.values().for_each(|inner| collect(inner, key, found));
        }
        Value::Array(list) => list.iter().for_each(|inner| collect(inner, key, found)),
        _ => {}
    }
}

fn dashboard() -> Value {
    serde_json::from_str(&contrib_text(DASHBOARD)).unwrap()
}

/// The expressions of the dashboard, Grafana's variables replaced by values.
fn dashboard_expressions() -> Vec<String> {
    let dashboard = dashboard();
    let mut found = Vec::new();
    collect(&dashboard, "expr", &mut found);
    let texts = found.into_iter().map(|value| value.as_str().unwrap().to_owned());
    texts.map(|text| text.replace("$__rate_interval", "5m").replace("$instance", ".*")).collect()
}

fn alerts_and_dashboard_use_what_the_server_offers() {
    let offered = Offered::by_a_server();
    for (name, expression) in alerts() {
        assert_eq!(offered.missing(&expression), [""; 0], "{name}");
    }
    let expressions = dashboard_expressions();
    assert!(expressions.len() > 20, "{expressions:?}");
    for expression in expressions {
        assert_eq!(offered.missing(&expression), [""; 0], "{expression}");
    }
    // It would notice.
    for (expression, what) in [
        ("rate(mirrorlistd_request_total[5m])", "metric mirrorlistd_request_total"),
        ("sum by (tir) (mirrorlistd_answers_total)", "mirrorlistd_answers_total{tir}"),
        ("up{job=\"mirrorlist\"}", "up{job=\"mirrorlist\"}"),
        (
            "mirrorlistd_requests_total{status=\"500\"}",
            "mirrorlistd_requests_total{status=\"500\"}",
        ),
    ] {
        assert_eq!(offered.missing(expression), [what]);
    }
}

fn promtool_accepts_rules_configuration_and_the_dashboards_expressions() {
    packages::require();
    let check = |what: &str, path: &std::path::Path| {
        run(Command::new("promtool").args(["check", what]).arg(path))
    };
    check("rules", &contrib("prometheus/alerts.yml"));
    let folder = tempfile::tempdir().unwrap();
    let rules: String = dashboard_expressions()
        .iter()
        .enumerate()
        .map(|(at, expr)| {
            format!("  - record: panel:{at}\n    expr: {}\n", Value::from(expr.as_str()))
        })
        .collect();
    let path = folder.path().join("panels.yml");
    fs::write(&path, format!("groups:\n- name: panels\n  rules:\n{rules}")).unwrap();
    check("rules", &path);
}

fn every_alert_fires_when_it_should_and_not_before() {
    packages::require();
    let tests = contrib("prometheus/alerts_test.yml");
    run(Command::new("promtool").args(["test", "rules"]).arg(tests));
    // Each is expected both ways, so that a test cannot be forgotten.
    let text = contrib_text("prometheus/alerts_test.yml");
    for (name, _) in alerts() {
        let cases: Vec<&str> = text.split("alertname: ").filter(|c| c.starts_with(&name)).collect();
        let is_quiet = |case: &&&str| case.lines().nth(1).is_some_and(|l| l.ends_with("[]"));
        let n_quiet = cases.iter().filter(is_quiet).count();
        assert!(n_quiet > 0 && n_quiet < cases.len(), "{name} fires and does not: {cases:?}");
    }
}

fn the_handbook_says_what_to_do_about_every_alert() {
    let chapter = contrib_text("handbook/watching.md");
    for (name, _) in alerts() {
        assert!(chapter.contains(&format!("`{name}`")), "{name} is not in the chapter");
    }
}

fn the_dashboard_is_well_formed() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is taken");
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{title} is too wide");
        for cell in (at("x")..at("x") + at("w"))
            .flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y)))
        {
            assert!(taken.insert(cell), "{title} covers another panel");
        }
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            let legend = target["legendFormat"].as_str().unwrap();
            for label in legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
                // Aggregation leaves the labels that are named; without one all are there.
                let is_left = match promql::grouping(expression) {
                    Some(labels) => labels.iter().any(|other| other == label),
                    None => TARGET_LABELS.contains(&label),
                };
                assert!(is_left, "{title}: {expression} has no label {label}");
            }
        }
    }
}

/// The shipped configuration and rules; only the intervals are shorter.
fn prometheus_sees_the_installed_service() {
    let host = Host::with_package();
    host.run("systemctl start mirrorlistd.service");
    host.run(
        "sed 's/_interval: 15s/_interval: 1s/' /usr/share/mirrorlistd/prometheus.yml \
         > /root/prometheus.yml; mkdir /root/tsdb",
    );
    let mut prometheus = host
        .command(
            "exec prometheus --config.file=/root/prometheus.yml --storage.tsdb.path=/root/tsdb \
             --web.listen-address=127.0.0.1:9090",
        )
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let query = |host: &Host, expression: &str| -> Option<String> {
        let output = host.try_run(&format!(
            "curl -s -G --data-urlencode 'query={expression}' http://127.0.0.1:9090/api/v1/query"
        ));
        let reply: Value = serde_json::from_slice(&output.stdout).ok()?;
        Some(reply["data"]["result"][0]["value"][1].as_str()?.to_owned())
    };
    let one = Some("1".to_owned());
    host.wait_until("Prometheus sees it", |host| {
        query(host, "mirrorlistd_ready{job=\"mirrorlistd\"}") == one
    });
    let rules: Value =
        serde_json::from_str(&host.get("http://127.0.0.1:9090/api/v1/rules")).unwrap();
    assert_eq!(rules["data"]["groups"][0]["rules"].as_array().unwrap().len(), alerts().len());
    host.run("systemctl stop mirrorlistd.service");
    host.wait_until("the alert is raised", |host| {
        query(host, "ALERTS{alertname=\"MirrorlistdDown\"}") == one
    });
    prometheus.kill().unwrap();
    prometheus.wait().unwrap();
}
