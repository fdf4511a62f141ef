//! Mirrors that are listed by rsync, from real servers on the loopback interface.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use checks::findings::Standing;
use support::debian::{Outcome, Packages};
use visits::guard::Guard;
use visits::rsync::{Limits as RsyncLimits, Options as RsyncOptions, Version};

use super::*;
use crate::mirrors::listing::Listings;
use crate::mirrors::listing::primary::Primary;

const RSYNC: &str = "/usr/bin/rsync";

/// Listens at an address of a mirror's own until the process ends, and serves each connection on a thread.
fn listen(key: &str, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let number = NAMES.iter().position(|name| *name == key).unwrap();
    let address = Ipv4Addr::new(127, 0, 0, u8::try_from(number + 2).unwrap());
    let listener = TcpListener::bind((address, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// A server of a mirror, which may have no room.
fn serve(folder: &Path, key: &str) -> SocketAddr {
    let user = match rustix::process::geteuid().is_root() {
        true => "uid = root\ngid = root\n",
        false => "",
    };
    let path = folder.join(key);
    let more = if key == "quito" { "max connections = -1" } else { "" };
    let configuration = format!(
        "use chroot = no\nlog file = /dev/null\n{user}[pub]\npath = {}\n{more}\n",
        path.display()
    );
    let file = folder.join(format!("{key}.conf"));
    fs::write(&file, configuration).unwrap();
    listen(key, move |stream| {
        let mut command = Command::new(RSYNC);
        command.args(["--daemon", "--no-detach"]).arg(format!("--config={}", file.display()));
        command.stdin(OwnedFd::from(stream)).stdout(Stdio::null()).stderr(Stdio::null());
        drop(command.status());
    })
}

/// Of these rsync lacks the image, and of Oslo rsync alone.
const LACKING: [&str; 2] = ["lima", "oslo"];

const PACKAGES: Packages = Packages {
    suite: "listings of mirrors",
    why_root: None,
    needed: &[("rsync", RSYNC), ("util-linux", "/usr/bin/setpriv")],
};

/// A site of which all mirrors have rsync; `None` where that cannot be tested.
async fn site() -> Option<Site> {
    site_of(None).await
}

/// The same, with other files of the primary below the folder of the image and beside it, which all mirrors have by
/// rsync.
async fn site_of(below: Option<&str>) -> Option<Site> {
    static OUTCOME: OnceLock<Outcome> = OnceLock::new();
    if !PACKAGES.are_there(&OUTCOME) {
        return None;
    }
    let mut site = Site::with_image(NAMES.map(str::to_owned).into(), Some("lima")).await;
    let path = |name: &str| site.folder.path().join(name);
    let mut catalog = fs::read_to_string(path("catalog.toml")).unwrap();
    for key in NAMES {
        let images = path("mirrors").join(key).join("9/images");
        fs::create_dir_all(&images).unwrap();
        if !LACKING.contains(&key) {
            fs::write(images.join("CHECKSUM"), image::CHECKSUMS).unwrap();
        }
        for folder in [path("tree/9/images"), images] {
            for file in below.into_iter().flat_map(|below| [below, "../docs/README"]) {
                put(&folder, file);
            }
        }
        let address = match key {
            "paris" => {
                listen(key, |mut client| drop(std::io::copy(&mut client, &mut std::io::sink())))
            }
            _ => serve(&path("mirrors"), key),
        };
        let http = format!("\"http://{key}.example/pub\"");
        catalog = catalog.replace(&http, &format!("{http}, \"rsync://{address}/pub\""));
    }
    fs::write(path("catalog.toml"), catalog).unwrap();
    let tree = scan::TreeSource::Tree(path("tree"));
    let usual = scan::Options::usual(Duration::from_secs(86_400), false);
    let scanned = scan::scan(&tree, None, &usual, &scan::Progress::default()).unwrap();
    fs::write(path("index"), scanned.index.encode().unwrap()).unwrap();
    let limits = RsyncLimits {
        connect: Duration::from_secs(1),
        idle: Duration::from_secs(1),
        ..RsyncLimits::default()
    };
    let options = RsyncOptions {
        limits,
        lowest_version: Version { numbers: [3, 0, 0] },
        ..RsyncOptions::default()
    };
    let source = scan::TreeSource::Tree(path("tree"));
    let primary = Primary::new(source, path("listings"), options);
    site.checker.listings = Some(Listings::of(primary));
    let mut crawler = site.world.crawler(Limits::default());
    crawler.guard = Guard { allow_private_targets: true };
    site.checker.crawling = Arc::new(Crawling::new(crawler, vec![IpVersion::V4]));
    Some(site)
}

fn put(images: &Path, below: &str) {
    let file = images.join(below);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, image::CHECKSUMS).unwrap();
}

impl Site {
    /// Sweeps every half an hour, and waits for listings.
    async fn list_for(&self, hours: u64) {
        for _ in 0..2 * hours {
            self.sweep().await;
            self.checker.listings.as_ref().unwrap().wait().await;
            self.now.fetch_add(1_800, Ordering::Relaxed);
        }
    }

    /// The mirrors that are left out of the images, with those that are left out of anything else.
    fn without_images(&self) -> Vec<&'static str> {
        let findings = self.findings();
        let is_hidden = |key: &str, directory: &str| {
            let found = findings.mirrors.get(key).and_then(|found| found.standing(directory));
            super::is_hidden(&findings, key) || matches!(found, Some(Standing::Hidden(_)))
        };
        for key in NAMES {
            assert!(!is_hidden(key, "9/x86_64"), "{findings:?}");
        }
        NAMES.into_iter().filter(|key| is_hidden(key, "9/images")).collect()
    }
}

/// Two looks decide; a server that hangs, and one without room, change nothing.
#[tokio::test(start_paused = true)]
async fn a_mirror_that_lacks_files_is_left_out_of_their_directory() {
    let Some(site) = site().await else { return };
    site.list_for(1).await;
    let shown = site.checker.show("lima", Disclosure::Full).await.unwrap().unwrap();
    let visits = shown["mirror"]["visits"].to_string();
    assert!(visits.contains("\"tier\":\"listing\""), "{visits}");
    assert!(visits.contains("\"directories\":[]"), "all is new: {visits}");
    site.now.fetch_add(2 * 86_400, Ordering::Relaxed);
    site.list_for(3).await;
    assert_eq!(site.without_images(), [""; 0], "one look decides nothing");
    site.list_for(4).await;
    assert_eq!(site.without_images(), ["lima"], "Oslo lacks it by rsync alone");
    let known = site.checker.known.lock().await;
    assert!(known.register.mirrors["oslo"].directories.is_empty(), "nothing is held against it");
    drop(known);
    let shown = site.checker.show("lima", Disclosure::Full).await.unwrap().unwrap();
    let gates = shown["mirror"]["gates"].to_string();
    assert!(gates.contains("1 of 1 files are missing"), "{gates}");
    for key in ["paris", "quito"] {
        let shown = site.checker.show(key, Disclosure::Full).await.unwrap().unwrap();
        assert_eq!(shown["mirror"]["state"], "up", "{shown}");
    }
    // One whole listing brings it back.
    let images = site.folder.path().join("mirrors/lima/9/images");
    fs::write(images.join("CHECKSUM"), image::CHECKSUMS).unwrap();
    site.list_for(26).await;
    assert_eq!(site.without_images(), [""; 0]);
}

/// What holds for a directory holds below it, so of one with others below it only counts whether it is there.
#[tokio::test(start_paused = true)]
async fn a_directory_with_others_below_is_out_while_it_is_not_there() {
    let Some(site) = site_of(Some("deep/CHECKSUM")).await else { return };
    let images = site.folder.path().join("mirrors/lima/9/images");
    fs::remove_dir_all(&images).unwrap();
    site.list_for(1).await;
    site.now.fetch_add(2 * 86_400, Ordering::Relaxed);
    site.list_for(7).await;
    assert_eq!(site.without_images(), ["lima"], "Oslo lacks a file of it, and has what is below");
    // It comes back, and lacks the same file as Oslo.
    put(&images, "deep/CHECKSUM");
    site.list_for(26).await;
    assert_eq!(site.without_images(), [""; 0]);
}

/// Somebody asks for visits: each lists as well, beside sweeps, and none is a second look too soon.
#[tokio::test(start_paused = true)]
async fn a_visit_that_is_asked_for_lists() {
    let Some(site) = site().await else { return };
    site.list_for(1).await;
    site.now.fetch_add(2 * 86_400, Ordering::Relaxed);
    let listings = site.checker.listings.as_ref().unwrap();
    for _ in 0..3 {
        let swept = site.try_sweep(Some("lima")).await.unwrap();
        assert!(listings.is_listing("lima") && !listings.is_asked("lima"), "{swept}");
        listings.wait().await;
        site.now.fetch_add(600, Ordering::Relaxed);
    }
    let swept = site.try_sweep(Some("lima")).await.unwrap();
    // A probe, a hash, and the listing of the time before, or more: others were due as well.
    assert!(swept["visits"].as_u64() >= Some(3), "{swept}");
    assert_eq!(site.without_images(), [""; 0]);
    // Where there is no room, it is the next one.
    for key in NAMES {
        site.try_sweep(Some(key)).await.unwrap();
        assert!(listings.is_listing(key) || listings.is_asked(key), "{key}");
    }
    assert_eq!(listings.n_free(), 0);
    for _ in 0..2 {
        listings.wait().await;
        site.sweep().await;
    }
    assert!(NAMES.iter().all(|key| !listings.is_asked(key)));
}

/// A store that refuses for a while loses no listing.
#[tokio::test(start_paused = true)]
async fn a_listing_that_cannot_be_recorded_is_recorded_later() {
    let Some(site) = site().await else { return };
    site.sweep().await;
    let listings = site.checker.listings.as_ref().unwrap();
    listings.wait().await;
    site.break_after(1, "record_visit");
    assert!(site.try_sweep(None).await.is_err());
    site.mend();
    site.sweep().await;
    // Of the four that are listed at once, two have no answer, and their visits say so.
    let mut n_listed = 0;
    for key in NAMES {
        let shown = site.checker.show(key, Disclosure::Full).await.unwrap().unwrap();
        let visits = shown["mirror"]["visits"].to_string();
        n_listed += usize::from(visits.contains("\"tier\":\"listing\""));
    }
    assert_eq!(n_listed, 4);
}

/// What goes on when a sweep is stopped is ended, and is due again.
#[tokio::test(start_paused = true)]
async fn a_stopped_sweep_ends_listings() {
    let Some(site) = site().await else { return };
    site.sweep().await;
    let listings = site.checker.listings.as_ref().unwrap();
    assert_eq!(listings.n_free(), 0);
    let task = site.task().await;
    let run = Run::new(site.store.clone(), "1".into(), (task.id, task.claim));
    run.tell(Stop::Lost);
    let stopped = site.checker.sweep(None, &run).await;
    assert!(matches!(stopped, Err(Failure::Stopped(_))), "{stopped:?}");
    site.end(&task).await;
    assert!(NAMES.iter().all(|key| !listings.is_listing(key)));
    assert_eq!(listings.n_free(), 4);
}
