//! The README and the handbook: every command in them is run, every configuration is accepted, every
//! link leads somewhere. `.github/CONTRIBUTING.md` says what the words after three backticks mean.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use sources::toml_catalog::parse;

use crate::built::{Built, contrib, output_text};
use crate::debian::{Outcome, Packages};
use crate::host::Host;
use crate::session::{CURLRC, INPUTS, PATIENCE, Session, check, demo};
use support::markdown::{Block, Command, anchors, blocks, links};

tests! {
    every_block_says_what_it_is,
    what_is_not_run_here_has_a_reason,
    every_link_leads_somewhere,
    the_readme_is_one_screen_and_begins_with_its_two_commands,
    commands_do_what_they_are_said_to_do,
    commands_of_root_do_what_they_are_said_to_do,
}

const ALMALINUX: &str = "needs AlmaLinux's mirrors and tables of the whole Internet; `tests/it/quality.rs` \
                         measures a small world";

const TWO_STORES: &str =
    "needs a PostgreSQL; the suite of the store moves rows between both engines";

const FIRST_STEPS: &str =
    "`tests/clients/first_steps.rs` runs this chapter, with mirrors that exist";

const SWEEPS: &str = "tests/it/mirror_sweeps.rs does it with mirrors on loopback";
const OWNERS: &str = "tests/it/mirror_owners.rs does it with the tokens of both";

const VISITS: &str =
    "there is no such mirror; `tests/it/mirror_commands.rs` visits mirrors on loopback";

const TRAINING: &str = "builds the program twice with all optimisations: half an hour";

/// Commands that are not run here, by the end of their document's path; and why.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("README.md", "cargo test --workspace", "it runs this test"),
    ("install.md", "contrib/package/build", "`built` runs it for all tests of this suite"),
    ("install.md", "rustup component add llvm-tools", "only the next two commands need it"),
    ("install.md", "contrib/package/train", TRAINING),
    ("install.md", "contrib/package/build --profile target/package/profile", TRAINING),
    (
        "install.md",
        "cargo build --release --no-default-features",
        "`.ci/run` checks it without building everything once more",
    ),
    (
        "install.md",
        "dnf install ./target/package/mirrorlistd-*.rpm",
        "Debian's dnf knows none of Debian's packages; `service` installs the RPM with rpm",
    ),
    (
        "clients.md",
        "aria2c --follow-metalink=mem 'http://127.0.0.1:3000/metalink?repo=demo-9&arch=x86_64'",
        "the demo's mirrors do not exist; the suite of clients runs aria2 with mirrors that do",
    ),
    (
        "explain.md",
        "mirrorlistd explain --config /etc/mirrorlistd/mirrorlistd.toml --ip 192.0.2.200 \
         'repo=baseos-9&arch=x86_64'",
        "needs a configured server; the demo is explained above it with the same options",
    ),
    (
        "checks.md",
        "mirrorlistd mirror visit berlin --catalog catalog.toml --index primary.index",
        VISITS,
    ),
    (
        "checks.md",
        "mirrorlistd mirror visit berlin --catalog catalog.toml --index primary.index --json > visits.jsonl",
        VISITS,
    ),
    (
        "checks.md",
        "mirrorlistd mirror visit berlin --tier listing --config /etc/mirrorlistd/mirrorlistd.toml",
        "tests/rsync/visits.rs lists a mirror of a real server",
    ),
    ("checks.md", "mirrorlistd mirror replay visits.jsonl", VISITS),
    ("checks.md", "mirrorlistd mirror list --hidden", SWEEPS),
    ("checks.md", "mirrorlistd mirror show berlin", SWEEPS),
    ("checks.md", "mirrorlistd mirror pause berlin --reason 'moves to another rack'", SWEEPS),
    ("checks.md", "mirrorlistd mirror resume berlin", SWEEPS),
    ("checks.md", "mirrorlistd mirror check berlin", OWNERS),
    (
        "checks.md",
        "mirrorlistd mirror check berlin --token-file token --admin 127.0.0.1:3001",
        OWNERS,
    ),
    (
        "checks.md",
        "mirrorlistd mirror pause berlin --from 2026-11-28T02:00:00Z --until 2026-11-28T05:00:00Z \
         --reason 'new disks'",
        OWNERS,
    ),
    ("first-steps.md", "createrepo_c tree/9/x86_64", FIRST_STEPS),
    ("first-steps.md", "mirrorlistd scan tree -o primary.index", FIRST_STEPS),
    (
        "first-steps.md",
        "mirrorlistd check --catalog catalog.toml --index primary.index",
        FIRST_STEPS,
    ),
    (
        "first-steps.md",
        "mirrorlistd serve --catalog catalog.toml --index primary.index --watch",
        FIRST_STEPS,
    ),
    ("first-steps.md", "dnf -y install hello", FIRST_STEPS),
    (
        "primary-tree.md",
        "createrepo_c /srv/pub/example/9/BaseOS/x86_64/os",
        "the suite of clients runs createrepo_c, and scans what it makes",
    ),
    (
        "primary-tree.md",
        "mirrorlistd scan /srv/pub/example -o primary.index",
        "this chapter scans a tree that it makes itself",
    ),
    (
        "primary-tree.md",
        "runuser -u mirrorlistd -- mirrorlistd scan /srv/pub/example --allow-shrink \
         -o /var/lib/mirrorlistd/scan/srv-pub-example.index",
        "the folder is there once the service has run; the option is tried above on another tree",
    ),
    (
        "primary-tree.md",
        "rsync -rl --list-only rsync://primary.example.org/example/ > listing",
        "there is no such server",
    ),
    (
        "primary-tree.md",
        "mirrorlistd scan --rsync-listing listing -o primary.index",
        "`tests/it/scan/command.rs` reads a listing",
    ),
    ("quality.md", "mkdir -p tree/{9.8,10-kitten}/BaseOS/x86_64/os/repodata", ALMALINUX),
    (
        "quality.md",
        "echo '<repomd><revision>1</revision></repomd>' > tree/9.8/BaseOS/x86_64/os/repodata/repomd.xml",
        ALMALINUX,
    ),
    (
        "quality.md",
        "cp tree/9.8/BaseOS/x86_64/os/repodata/repomd.xml tree/10-kitten/BaseOS/x86_64/os/repodata/",
        ALMALINUX,
    ),
    ("quality.md", "mirrorlistd scan tree -o tree.index", ALMALINUX),
    (
        "quality.md",
        "mirrorlistd geography build --country geo-whois-asn-country.mmdb --asn asn-ipv4.csv asn-ipv6.csv -o networks.geography",
        ALMALINUX,
    ),
    (
        "quality.md",
        "mirrorlistd quality --almalinux . --index tree.index --geoip networks.geography --global-netblocks networks.geography --profile modern --countries 10",
        ALMALINUX,
    ),
    ("tasks.md", "systemctl stop mirrorlistd-control", TWO_STORES),
    (
        "tasks.md",
        "mirrorlistd control export --state /var/lib/mirrorlistd/state tasks.export",
        TWO_STORES,
    ),
    (
        "tasks.md",
        "mirrorlistd control import --store postgresql://mirrorlistd@db.example.org/mirrorlistd tasks.export",
        TWO_STORES,
    ),
    (
        "listeners.md",
        "nginx -t && systemctl reload nginx",
        "the suite of clients runs nginx with this file, and with a certificate",
    ),
];

/// What is run without root needs these only.
const PACKAGES: Packages = Packages {
    suite: "the handbook",
    why_root: None,
    needed: &[("bash", "/bin/bash"), ("curl", "/usr/bin/curl")],
};

fn require() {
    static OUTCOME: OnceLock<Outcome> = OnceLock::new();
    PACKAGES.require(&OUTCOME);
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README and all chapters, by path, with their text.
fn documents() -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(contrib("handbook")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.push(top().join("README.md"));
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

fn every_block_says_what_it_is() {
    for (path, text) in documents() {
        for block in blocks(&text) {
            let known: &[&str] = match block.language.as_str() {
                "sh" => &["root", "elsewhere"],
                "console" => &["root"],
                "toml" => &["catalog", "file="],
                "text" | "ini" => &[],
                language => panic!("{path:?}:{}: what is {language:?}?", block.at),
            };
            for word in &block.words {
                let is_known = known.iter().any(|known| word.starts_with(known));
                assert!(is_known, "{path:?}:{}: what is {word}?", block.at);
            }
        }
    }
}

fn what_is_not_run_here_has_a_reason() {
    let mut found = Vec::new();
    for (path, text) in documents() {
        for block in blocks(&text).into_iter().filter(|block| block.is("elsewhere")) {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            found.extend(block.commands().into_iter().map(|command| (name.clone(), command.line)));
        }
    }
    found.sort();
    let listed = ELSEWHERE.iter().map(|(name, line, _)| ((*name).into(), (*line).into()));
    let mut listed: Vec<(String, String)> = listed.collect();
    listed.sort();
    assert_eq!(found, listed, "commands in the text, and on the list of this test");
}

fn every_link_leads_somewhere() {
    let others = [".github/CONTRIBUTING.md", "src/README.md"].map(|name| top().join(name));
    let paths = documents().into_iter().map(|(path, _)| path).chain(others);
    let mut n_links = 0;
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        for link in links(&text) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{path:?}: {link} leads nowhere");
            let is_there = || anchors(&fs::read_to_string(&target).unwrap()).contains(anchor);
            assert!(anchor.is_empty() || is_there(), "{path:?}: no heading is {link}");
            n_links += 1;
        }
    }
    assert!(n_links > 20, "links are found: {n_links}");
}

fn the_readme_is_one_screen_and_begins_with_its_two_commands() {
    let text = include_str!("../../README.md");
    assert!(text.lines().count() <= 66, "a page of paper has 66 lines");
    let commands: Vec<String> = blocks(text)
        .iter()
        .flat_map(|block| block.commands().into_iter().map(|command| command.line))
        .collect();
    assert_eq!(commands[..2], ["cargo run --release", "cargo test --workspace"]);
    for (path, _) in documents() {
        let name = path.strip_prefix(top()).unwrap().to_str().unwrap();
        assert!(name == "README.md" || links(text).contains(&name), "{name} is not in its table");
    }
}

fn commands_do_what_they_are_said_to_do() {
    require();
    report(documents().iter().filter_map(|(path, text)| run_chapter(path, text).err()));
}

fn commands_of_root_do_what_they_are_said_to_do() {
    report(documents().iter().filter_map(|(path, text)| run_chapter_as_root(path, text).err()));
}

/// Fails with everything that was found, as one chapter does not depend on another.
#[track_caller]
fn report(faults: impl Iterator<Item = String>) {
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn run_chapter(path: &Path, text: &str) -> Result<(), String> {
    let mut session = Session::new();
    for block in blocks(text) {
        if block.language == "toml" {
            let accepted = match block.is("catalog") {
                true => {
                    parse("catalog", &block.text()).map(drop).map_err(|faults| faults.to_string())
                }
                false => session.check_configuration(&block.text()),
            };
            accepted.map_err(|error| format!("{}:{}: {error}", path.display(), block.at))?;
            let names = block.words.iter().filter_map(|word| word.strip_prefix("file="));
            names.for_each(|name| session.write(&format!("/work/{name}"), &block.text()));
        }
        if !block.has_commands() || block.is("root") || block.is("elsewhere") {
            continue;
        }
        for command in block.commands() {
            let done = session.do_command(&command);
            done.map_err(|error| place(path, &command) + &error)?;
        }
    }
    Ok(())
}

fn run_chapter_as_root(path: &Path, text: &str) -> Result<(), String> {
    let mut blocks = blocks(text);
    blocks.retain(|block| block.has_commands() && block.is("root"));
    if blocks.is_empty() {
        return Ok(());
    }
    let host = if path.ends_with("install.md") {
        let host = Host::boot();
        host.run("mkdir -p /root/target/package");
        let name = Built::get().deb.file_name().unwrap().to_str().unwrap();
        host.copy_deb(&format!("/root/target/package/{name}"));
        host
    } else {
        // The other chapters are for somebody who has done what that one says.
        let host = Host::with_package();
        host.run("systemctl enable --now mirrorlistd");
        host
    };
    host.write("/root/.curlrc", CURLRC);
    for (name, called) in INPUTS {
        host.copy(&demo(name), &format!("/root/{called}"));
    }
    for command in blocks.iter().flat_map(Block::commands) {
        let done = do_as_root(&host, &command);
        done.map_err(|error| place(path, &command) + &error + &host.journal())?;
    }
    Ok(())
}

/// The file and line of a command, and the command.
fn place(path: &Path, command: &Command) -> String {
    format!("{}:{}: {}\n", path.display(), command.at, command.line)
}

fn do_as_root(host: &Host, command: &Command) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let output = host.try_run(&format!("cd /root; export HOME=/root; {}", command.line));
        let outcome = match output.status.success() {
            true => check(command, &String::from_utf8_lossy(&output.stdout)),
            false => Err(output_text(&output)),
        };
        // What the service says may take a moment to come true.
        if outcome.is_ok() || command.prints.is_none() || Instant::now() > deadline {
            return outcome;
        }
        thread::sleep(Duration::from_millis(50));
    }
}
