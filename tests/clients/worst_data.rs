//! The worst data that mean the same: odd URLs, names and versions, beside records that lead nowhere.
//! Every client gets through, and is given what it is given with tidy data.

use testdata::mirrormanager::{
    FileDetailsType, IntRepeatedIntMap, IntStringMap, MirrorList, StringRepeatedIntMap,
    StringStringMap,
};

use crate::aria2::check_current;
use crate::client::{Dnf, Zypper, librepo};
use crate::data::{Data, REPO};
use crate::mirror::Behaviour::{self, Serves};
use crate::repository::{PACKAGE, Version};
use crate::stage::{List, Stage};

tests! {
    dnf_gets_through_the_worst_data,
    zypper_gets_through_the_worst_data,
    aria2_gets_through_the_worst_data,
    librepo_gets_through_the_worst_data,
}

const NEW: Behaviour = Serves(Version::New);

/// What no client may be given: zypper gives a whole repository up for most of these.
const HOPELESS: &[&str] = &[
    "http://worst.example:99999/pub",
    "http://worst.example:0/pub",
    "http://[worst.example/pub",
    "http:///pub",
    "http://worst.example/pub?x=1",
    "http://worst.example/pub#f",
    "http://me:secret@worst.example/pub",
    "http://worst.example\\pub",
    "http://worst.example/a b",
    "http://worst.example/%00",
    "http://1.2.3/pub",
    "http://a..b/pub",
    "http://<worst>/pub",
    "worst.example::pub",
    "gopher://worst.example/pub",
    "",
];
/// A mirror of its own, preferred to all others, with nothing but those.
const WORST: i64 = 200;

/// Says the same in the worst way.
pub fn spoil(list: &mut MirrorList) {
    for url in &mut list.hc_url_cache {
        let (host, path) = url.value.split_once("/pub").unwrap();
        url.value = format!(" {}//./x/..//pub{path}//", host.replace("http", "HTTP"));
    }
    let hopeless: Vec<i64> = (2_000..).take(HOPELESS.len()).collect();
    for (id, url) in hopeless.iter().zip(HOPELESS) {
        list.hc_url_cache.push(IntStringMap::new(*id, *url));
    }
    list.host_netblock_cache.insert(0, StringRepeatedIntMap::new("127.0.0.1/32", [WORST]));
    for directory in &mut list.mirror_list_cache {
        directory.directory = format!("/{}//", directory.directory.replace('/', "/./"));
        directory.subpath = directory.subpath.as_ref().map(|path| format!("//{path}/"));
        directory.global.insert(0, WORST);
        for host in &mut directory.by_host_id {
            // The worst come first, and what is fine comes twice.
            let fine = host.value.clone();
            let all = hopeless.iter().chain(&fine).chain(&fine).copied();
            *host = IntRepeatedIntMap::new(host.key, all.collect::<Vec<_>>());
        }
        let worst = IntRepeatedIntMap::new(WORST, hopeless.as_slice());
        directory.by_host_id.insert(0, worst);
    }
    for repository in &mut list.repo_arch_to_directory_name {
        repository.value = format!("{}//repodata/", repository.value);
        repository.key = repository.key.replace(REPO, "the-end");
    }
    list.repository_redirect_cache = vec![
        StringStringMap::new(REPO, "on-the-way"),
        StringStringMap::new("on-the-way", "the-end"),
        StringStringMap::new("round", "round"),
    ];
    for directory in &mut list.file_details_cache {
        directory.directory = format!("{}/", directory.directory);
        for file in &mut directory.file_details_cache_files {
            let newest = file.file_details.iter().map(|version| version.time_stamp).max();
            file.file_details.reverse();
            let bare = FileDetailsType {
                time_stamp: newest.unwrap_or(2) - 1,
                size: 1,
                ..FileDetailsType::default()
            };
            file.file_details.insert(0, bare);
            file.file_details.extend(file.file_details.clone());
        }
    }
}

fn worst_stage() -> Stage {
    let order = [13, 11, 12];
    let data = Data { worst: true, ..Data::ordered(&order) };
    Stage::with(&order.map(|number| (number, NEW)), data)
}

fn dnf_gets_through_the_worst_data() {
    for list in List::BOTH {
        let stage = worst_stage();
        let dnf = Dnf::new(&stage, list);
        let run = dnf.run(&["install", PACKAGE]);
        stage.check_success(&run);
        stage.check_asked(&[13], &run);
        stage.check(dnf.installed() == "2.0", "the newest version is not installed", &run);
    }
}

fn zypper_gets_through_the_worst_data() {
    for list in List::BOTH {
        let stage = worst_stage();
        let run = Zypper::new(&stage, list).run(&["refresh"]);
        stage.check_success(&run);
        stage.check_asked(&[13], &run);
    }
}

fn aria2_gets_through_the_worst_data() {
    let stage = worst_stage();
    check_current(&stage, &stage.url(List::Metalink), &[13]);
}

fn librepo_gets_through_the_worst_data() {
    for list in List::BOTH {
        let stage = worst_stage();
        let run = librepo(&stage, list, &["list"]);
        stage.check_success(&run);
        let listed: Vec<_> =
            run.output.lines().filter_map(|line| line.strip_prefix("mirror ")).collect();
        let expected = [13, 11, 12].map(|number| stage.mirror(number).repository_url());
        stage.check(listed == expected, "other mirrors are listed", &run);
        let run = librepo(&stage, list, &[]);
        stage.check_success(&run);
    }
}
