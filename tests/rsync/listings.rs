//! What is listed of real servers, and how it ends.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use checks::class::FailureClass;
use checks::listing::{Comparison, Entry, Extent, Kind, Manifest, ManifestBuilder, Since};
use model::base_url::BaseUrl;
use visits::rsync::{Limits, Listing, ListingEnd, Options, Rsync, Target, Version};

use crate::server::{self, Tree};

tests! {
    every_name_is_listed_as_it_is,
    a_mirror_is_compared_with_its_primary,
    a_local_tree_is_listed_like_one_of_a_server,
    what_a_server_refuses_has_a_class,
    a_directory_that_cannot_be_read_is_a_gap,
    a_listing_that_is_cut_does_not_count,
    a_greeting_without_end_is_ended,
    a_silent_server_is_slow,
    nobody_listens,
    version_six_works,
}

/// What was listed: kind and size by path.
type Listed = BTreeMap<Vec<u8>, (Kind, u64)>;

fn list(address: SocketAddr, path: &str) -> (Listing, Listed) {
    let mut listed = Listed::new();
    let listing = list_with(Limits::default(), address, path, &mut |entry| {
        listed.insert(entry.path.to_vec(), (entry.kind, entry.size));
    });
    (listing, listed)
}

fn list_with(
    limits: Limits,
    address: SocketAddr,
    path: &str,
    on_entry: &mut (dyn FnMut(&Entry<'_>) + Send),
) -> Listing {
    let base = BaseUrl::parse(&format!("rsync://mirror.example/{path}")).expect("a URL");
    list_target(limits, &Target::new(&base, "", address).expect("a target"), on_entry)
}

fn list_target(
    limits: Limits,
    target: &Target,
    on_entry: &mut (dyn FnMut(&Entry<'_>) + Send),
) -> Listing {
    server::require();
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Whatever the machine has: what is tested is how it lists.
    let lowest_version = Version::parse("3.0.0").expect("a version");
    let options =
        Options { folder: folder.path().into(), limits, lowest_version, ..Options::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let rsync = Rsync::find(options).await.expect("an rsync");
        rsync.list(target, on_entry).await
    })
}

#[track_caller]
fn check_failed(listing: &Listing, expected: &[FailureClass]) {
    match &listing.end {
        ListingEnd::Failed { class, .. } if expected.contains(class) => {}
        other => panic!("{other:?} and not {expected:?}"),
    }
}

fn every_name_is_listed_as_it_is() {
    let names: [&[u8]; 13] = [
        b"plain",
        b"a b",
        b" blanks around ",
        b"tab\there",
        b"new\nline",
        b"-rw-r--r--   1 10:30:00 forged\n-rw-r--r--   1 10:30:00 line",
        b"\\#012",
        b"\\#134#012",
        b"back\\slash",
        b"x -> y",
        b"\xff\xfe",
        "f\u{fc}r".as_bytes(),
        b"-leading",
    ];
    let paths = |name: &[u8]| [name.to_vec(), [b"d i r/", name].concat()];
    let files: Vec<_> = names.iter().flat_map(|name| paths(name)).zip(1_000..).collect();
    let tree = Tree::new(files.iter().map(|(name, size)| (OsStr::from_bytes(name), *size)));
    symlink("plain", tree.path().join("link")).expect("a link");
    fs::create_dir_all(tree.path().join(".~tmp~/x")).expect("a folder");
    let (listing, mut listed) = list(tree.serve(), "pub");
    assert_eq!((&listing.end, listing.odd_lines), (&ListingEnd::Whole, 0));
    assert_eq!(listed.remove(&b"link"[..]).map(|(kind, _)| kind), Some(Kind::Other));
    for directory in [&b""[..], b"d i r"] {
        assert_eq!(listed.remove(directory).map(|(kind, _)| kind), Some(Kind::Directory));
    }
    let expected: Listed =
        files.into_iter().map(|(name, size)| (name, (Kind::File, size))).collect();
    assert_eq!(listed, expected);
}

fn a_mirror_is_compared_with_its_primary() {
    let tree = |change: &dyn Fn(&str, u64) -> Option<u64>| {
        let files = (0..40).map(|n| (format!("9/os{}/file {n}", n % 4), 1_000 + n));
        Tree::new(files.filter_map(|(name, size)| Some((name.clone(), change(&name, size)?))))
    };
    let primary = tree(&|_, size| Some(size));
    let mut builder = ManifestBuilder::default();
    let listing = list_with(Limits::default(), primary.serve(), "pub", &mut |entry| {
        builder.add(entry).expect("few files");
    });
    assert_eq!(listing.end, ListingEnd::Whole);
    let manifest: Manifest = builder.build(Since::Modified, u64::MAX);
    let mirror = tree(&|name, size| match name {
        "9/os1/file 1" => None,
        "9/os2/file 2" => Some(7),
        name => (!name.starts_with("9/os3/")).then_some(size),
    });
    let mut comparison = Comparison::new(&manifest, "9");
    let listing =
        list_with(Limits::default(), mirror.serve(), "pub/9", &mut |entry| comparison.add(entry));
    assert_eq!(listing.end.extent(), Some(Extent::Whole));
    let found: Vec<_> = comparison
        .report(Extent::Whole, u64::MAX)
        .map(|seen| (seen.directory, seen.present, seen.missing, seen.other_size))
        .collect();
    let line = |name: &str, present, missing, other| (name.to_owned(), present, missing, other);
    let expected = [
        line("9", 0, 0, 0),
        line("9/os0", 10, 0, 0),
        line("9/os1", 9, 1, 0),
        line("9/os2", 9, 0, 1),
        line("9/os3", 0, 10, 0),
    ];
    assert_eq!(found, expected);
}

fn a_local_tree_is_listed_like_one_of_a_server() {
    let tree = Tree::new([("a/1", 1), ("a/b c/2", 2), ("3", 3)]);
    let (listing, served) = list(tree.serve(), "pub");
    assert_eq!(listing.end, ListingEnd::Whole);
    let mut local = Listed::new();
    let target = Target::local(&tree.path()).expect("a path");
    let listing = list_target(Limits::default(), &target, &mut |entry| {
        local.insert(entry.path.to_vec(), (entry.kind, entry.size));
    });
    assert_eq!((listing.end, local), (ListingEnd::Whole, served));
}

fn what_a_server_refuses_has_a_class() {
    let tree = Tree::new([("a", 1)]);
    let address = tree.serve();
    for (path, class) in [
        ("none", FailureClass::RsyncModule),
        ("busy", FailureClass::Busy),
        ("locked", FailureClass::Forbidden),
        ("denied", FailureClass::Forbidden),
        ("gone", FailureClass::Missing),
        ("pub/none", FailureClass::Missing),
    ] {
        let (listing, listed) = list(address, path);
        check_failed(&listing, &[class]);
        assert!(listed.is_empty(), "{path}");
    }
}

fn a_directory_that_cannot_be_read_is_a_gap() {
    let tree = Tree::new([("a/1", 1), ("b/2", 2)]);
    let close = |name: &str| {
        let mode = fs::Permissions::from_mode(0o000);
        fs::set_permissions(tree.path().join(name), mode).expect("its mode");
    };
    close("b");
    let (listing, listed) = list(tree.serve(), "pub");
    assert_eq!(listing.end, ListingEnd::Gaps);
    assert!(listed.contains_key(&b"a/1"[..]) && listed.contains_key(&b"b"[..]));
    let (listing, _) = list(tree.serve(), "pub/b");
    check_failed(&listing, &[FailureClass::Forbidden]);
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(tree.path().join("b"), mode).expect("its mode");
}

/// A server behind a line that breaks after so many bytes.
fn cut(upstream: SocketAddr, after: usize) -> SocketAddr {
    server::listen(move |mut client| {
        let mut server = TcpStream::connect(upstream).expect("a connection");
        let (mut to, mut from) =
            (server.try_clone().expect("a copy"), client.try_clone().expect("a copy"));
        let sends = std::thread::spawn(move || drop(std::io::copy(&mut from, &mut to)));
        let mut left = after;
        let mut piece = [0; 512];
        while left > 0 {
            let n = server.read(&mut piece).unwrap_or(0).min(left);
            if n == 0 || client.write_all(&piece[..n]).is_err() {
                break;
            }
            left -= n;
        }
        for stream in [&client, &server] {
            drop(stream.shutdown(Shutdown::Both));
        }
        sends.join().expect("no panic");
    })
}

fn a_listing_that_is_cut_does_not_count() {
    let tree = Tree::new((0..2_000).map(|n| (format!("{}/a file of some name {n}", n % 20), n)));
    let address = tree.serve();
    let (listing, whole) = list(address, "pub");
    assert_eq!((listing.end, whole.len()), (ListingEnd::Whole, 2_021));
    for after in [0, 10, 100, 1_000, 8_000] {
        let (listing, _) = list(cut(address, after), "pub");
        check_failed(&listing, &[FailureClass::RsyncProtocol, FailureClass::Truncated]);
    }
}

fn a_greeting_without_end_is_ended() {
    let address = server::listen(|mut client| {
        drop(client.write_all(b"@RSYNCD: 31.0\n"));
        while client.write_all(&b"welcome\n".repeat(100)).is_ok() {}
    });
    let limits = Limits { whole: Duration::from_secs(1), ..Limits::default() };
    let listing = list_with(limits, address, "pub", &mut |_| ());
    assert!(
        listing.end == ListingEnd::Budget("wall") || listing.end.extent().is_none(),
        "{listing:?}"
    );
    assert_eq!(listing.entries, 0);
}

fn a_silent_server_is_slow() {
    let address = server::listen(|mut client| drop(client.read_to_end(&mut Vec::new())));
    let limits = Limits {
        connect: Duration::from_secs(1),
        idle: Duration::from_secs(1),
        ..Limits::default()
    };
    let listing = list_with(limits, address, "pub", &mut |_| ());
    check_failed(&listing, &[FailureClass::ReadTimeout, FailureClass::ConnectTimeout]);
}

fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let (listing, _) = list(address, "pub");
    check_failed(&listing, &[FailureClass::ConnectRefused]);
}

fn version_six_works() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        support::debian::unmet("needs IPv6 on the loopback interface".to_owned());
    }
    let tree = Tree::new([("a", 1)]);
    let (listing, listed) = list(tree.serve_at(Ipv6Addr::LOCALHOST), "pub");
    assert_eq!((listing.end, listed.len()), (ListingEnd::Whole, 2));
}
