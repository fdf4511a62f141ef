//! `inspect --mirrors`: what a snapshot says of each mirror.

use testdata::mirrormanager::{IntRepeatedIntMap, IntRepeatedStringMap};

use crate::fixture::{Private, Public, World};
use crate::golden;
use crate::server::command;

/// The standard world with what it lacks: a mirror of an unknown country that is public for some
/// directories, one that serves nobody and one that refuses a country, and several systems.
fn world() -> World {
    let mut world = World::standard();
    world.mirror(10, "", 1, Private, &["https"], "half");
    world.directory("pub/private", "private", &[10]);
    world.mirror(9, "US", 10, Public, &["https"], "closed");
    world.restrict(9, &["nowhere"]);
    world.mirror(100, "US", 10, Public, &["https"], "partial");
    let refused = IntRepeatedStringMap::new(100, ["!DE".to_owned(), "!FR".to_owned()]);
    world.list.host_country_allowed_cache.push(refused);
    world.list.host_asn_cache.push(IntRepeatedIntMap::new(64_497, [3, 100]));
    world.directory("pub/public", "public", &[9, 100]);
    let public = world.list.mirror_list_cache.last_mut().unwrap();
    public.by_host_id.push(IntRepeatedIntMap::new(10, [100]));
    public.global.push(10);
    world
}

fn inspect(world: &World, options: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let bytes = world.compile().unwrap().bytes;
    std::fs::write(folder.path().join("mirrors.snapshot"), bytes).unwrap();
    let args = [&["inspect", "mirrors.snapshot"], options].concat();
    let output = command(&args).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn mirrors_are_listed_in_the_order_of_their_keys() {
    golden::check("inspect_mirrors.txt", &inspect(&world(), &["--mirrors"]));
}

#[test]
fn scripts_read_them_as_json() {
    golden::check("inspect_mirrors.json", &inspect(&world(), &["--mirrors", "--json"]));
}

/// The list is added to what `--json` says without it.
#[test]
fn only_who_asks_for_mirrors_gets_them() {
    let parse = |options: &[&str]| -> serde_json::Value {
        serde_json::from_str(&inspect(&world(), options)).unwrap()
    };
    let mut long = parse(&["--mirrors", "--json"]);
    let mirrors = long.as_object_mut().unwrap().remove("mirrors").unwrap();
    assert_eq!(mirrors.as_array().unwrap().len(), 11);
    assert_eq!(long, parse(&["--json"]));
}
