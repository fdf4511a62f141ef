//! The metalink answer, to the byte.

use crate::fixture::{Answer, World, check_golden, details};

const CAMPUS: &str = "192.0.2.130";

fn get(request: &str) -> Answer {
    World::standard().serve().get(request)
}

#[test]
fn a_metalink_by_repository_holds_checksums_alternates_and_every_url() {
    let answer = get(&format!("/metalink?repo=main-9&arch=x86_64 from {CAMPUS}"));
    assert_eq!((answer.status, &*answer.content_type), (200, "application/metalink+xml"));
    check_golden("metalink.xml", &answer);
}

#[test]
fn a_metalink_of_a_file_with_one_version_has_no_alternates() {
    let answer = get(&format!("/metalink?repo=main-source-9&arch=source&country=fr from {CAMPUS}"));
    check_golden("metalink_without_alternates.xml", &answer);
}

#[test]
fn what_is_not_known_of_a_file_is_left_out_and_names_are_escaped() {
    let answer = get("/metalink?path=pub/test/9/images/a%26b <1>.iso&country=us");
    assert_eq!(answer.status, 200);
    check_golden("metalink_of_an_odd_file.xml", &answer);
}

#[test]
fn a_metalink_by_path_equals_the_one_by_repository() {
    let by_path =
        get(&format!("/metalink?path=/pub/test/9/x86_64/repodata/repomd.xml from {CAMPUS}"));
    let by_repo = get(&format!("/metalink?repo=main-9&arch=x86_64 from {CAMPUS}"));
    assert_eq!(by_path.body, by_repo.body);
}

#[test]
fn a_repository_whose_directory_is_repodata_itself_means_the_file_in_it() {
    let mut world = World::standard();
    world.repository("direct+x86_64", "pub/test/9/x86_64/repodata");
    let answer = world.serve().get(&format!("/metalink?repo=direct&arch=x86_64 from {CAMPUS}"));
    assert_eq!(answer.body, get(&format!("/metalink?repo=main-9&arch=x86_64 from {CAMPUS}")).body);
}

#[test]
fn every_further_version_is_an_alternate() {
    let mut world = World::standard();
    world.list.file_details_cache.remove(0);
    let versions = [details(3, 'a'), details(2, 'b'), details(1, 'c')];
    world.file("pub/test/9/x86_64/repodata", "repomd.xml", &versions);
    let body = world.serve().get("/metalink?repo=main-9&arch=x86_64").body;
    assert_eq!(body.matches("   <mm0:alternates>\n").count(), 1);
    let at = |text: &str| body.find(text).unwrap();
    assert_eq!(body.matches("    <mm0:alternate>\n").count(), 2);
    assert!(at(&"a".repeat(64)) < at(&"b".repeat(64)) && at(&"b".repeat(64)) < at(&"c".repeat(64)));
}

#[test]
fn protocols_filter_the_urls_of_a_mirror() {
    let answer = get(&format!("/metalink?repo=main-9&arch=x86_64&protocol=http,ftp from {CAMPUS}"));
    assert_eq!(
        answer.urls(),
        ["http://campus", "http://isp", "ftp://isp", "http://berlin", "http://madrid"]
            .map(|base| format!("{base}.example/test/9/x86_64/repodata/repomd.xml"))
    );
}

#[test]
fn urls_of_a_mirror_stand_in_the_order_of_the_data_and_rsync_is_among_them() {
    let urls =
        |country: &str| get(&format!("/metalink?repo=main-9&arch=x86_64&country={country}")).urls();
    let of = |bases: &[&str]| -> Vec<String> {
        let file = "example/test/9/x86_64/repodata/repomd.xml";
        bases.iter().map(|base| format!("{base}.{file}")).collect()
    };
    assert_eq!(urls("es"), of(&["http://madrid", "https://madrid"]));
    assert_eq!(urls("de"), of(&["https://berlin", "http://berlin", "rsync://berlin"]));
}

#[test]
fn preference_falls_by_one_per_mirror_down_to_one() {
    let mut world = World::empty();
    let numbers: Vec<i64> = (1..=120).collect();
    for &number in &numbers {
        world.mirror(
            number,
            "AU",
            1,
            crate::fixture::Public,
            &["https", "http"],
            &format!("au{number}"),
        );
    }
    world.directory("d/repodata", "d/repodata", &numbers);
    world.repository("d+noarch", "d");
    world.file("d/repodata", "repomd.xml", &[details(1, 'a')]);
    let body = world.serve().get("/metalink?repo=d&arch=noarch").body;
    let preferences: Vec<usize> = body
        .lines()
        .filter_map(|line| line.split_once("preference=\"")?.1.split('"').next()?.parse().ok())
        .collect();
    let expected: Vec<usize> =
        (0..120).flat_map(|rank| [100_usize.saturating_sub(rank).max(1); 2]).collect();
    assert_eq!(preferences, expected);
}

#[test]
fn a_mirror_without_a_country_has_an_empty_location_and_countries_are_upper_case() {
    let mut world = World::standard();
    world.mirror(9, "", 1, crate::fixture::Public, &["https"], "lost");
    world.directory("d", "d", &[5, 9]);
    world.file("d", "f", &[details(1, 'a')]);
    world.list.host_country_cache.iter_mut().for_each(|e| e.value = e.value.to_lowercase());
    let body = world.serve().get("/metalink?path=d/f").body;
    assert!(body.contains("location=\"\" "), "{body}");
    assert!(body.contains("location=\"US\" "), "{body}");
}

#[test]
fn a_file_without_details_is_not_found() {
    let answer = get("/metalink?path=pub/test/9/images/unknown.iso");
    assert_eq!(answer.status, 404);
    assert_eq!(answer.content_type, "application/metalink+xml");
    check_golden("metalink_error_no_details.xml", &answer);
    let answer = get("/metalink?repo=plain-9&arch=x86_64");
    assert_eq!(answer.status, 404);
    check_golden("metalink_error_no_repomd.xml", &answer);
}

#[test]
fn a_directory_itself_has_no_metalink() {
    let answer = get("/metalink?path=pub/test/9/x86_64/repodata");
    assert_eq!(answer.status, 404);
    let reason = "pub/test/9/x86_64/repodata/ not found or has not metalink";
    assert!(answer.body.contains(reason), "{}", answer.body);
}

#[test]
fn errors_are_metalinks_with_a_comment() {
    for (name, request, status) in [
        ("metalink_error_nothing_asked.xml", "/metalink", 200),
        ("metalink_error_disabled.xml", "/metalink?repo=old-8&arch=x86_64", 200),
        ("metalink_error_invalid_path.xml", "/metalink?path=no/such/path", 404),
        ("metalink_error_unknown_repository.xml", "/metalink?repo=no--such->&arch=x86_64", 404),
        ("metalink_error_bad_address.xml", "/metalink?repo=main-9&arch=x86_64&ip=--%3E", 400),
    ] {
        let answer = get(request);
        assert_eq!((answer.status, &*answer.content_type), (status, "application/metalink+xml"));
        check_golden(name, &answer);
    }
}

#[test]
fn a_metalink_without_mirrors_says_so_and_keeps_its_checksums() {
    let answer = get("/metalink?repo=main-9&arch=x86_64&protocol=gopher");
    assert_eq!(answer.status, 200);
    check_golden("metalink_without_mirrors.xml", &answer);
}

#[test]
fn redirect_and_time_are_for_text_only() {
    let plain = get(&format!("/metalink?repo=main-9&arch=x86_64 from {CAMPUS}"));
    let asked = get(&format!("/metalink?repo=main-9&arch=x86_64&redirect&time from {CAMPUS}"));
    assert_eq!(plain, asked);
}

#[test]
fn hashes_are_lower_case_and_absent_where_the_data_has_none() {
    let mut world = World::standard();
    let mut version = details(1, 'A');
    version.sha512 = None;
    version.md5 = Some(String::new());
    version.sha1 = None;
    world.list.file_details_cache.clear();
    world.file("pub/test/9/x86_64/repodata", "repomd.xml", &[version]);
    let body = world.serve().get("/metalink?repo=main-9&arch=x86_64").body;
    assert_eq!(body.matches("<hash ").count(), 1);
    assert!(body.contains(&format!("<hash type=\"sha256\">{}</hash>", "a".repeat(64))), "{body}");
}
