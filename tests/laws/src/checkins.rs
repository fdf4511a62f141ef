//! Law: a check-in is refused with one line, or says what a slow reader reads in it; within its limits.

use std::collections::BTreeSet;
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use bzip2::Compression;
use bzip2::write::BzEncoder;
use checks::checkin::json::{self, Content};
use checks::checkin::{CheckinError, Directories, Limits, report_mirror};
use serde_json::Value;

const LIMITS: Limits = Limits {
    packed: 1 << 16,
    unpacked: 1 << 20,
    before_password: 1 << 20,
    directories: 1_000,
    names: 1 << 14,
};

/// Checks the bytes as a check-in of ours.
pub fn checkin(bytes: &[u8]) {
    let now = 1_795_689_000;
    let Some(checkin) = accepted(json::decode(bytes, &LIMITS, now)) else { return };
    let document: Value = serde_json::from_slice(bytes).expect("what is accepted is JSON");
    assert_eq!(document["mirror"], *checkin.mirror);
    assert_eq!(document["category"], *checkin.category);
    assert_eq!(document["finished_at"], checkin.finished_at);
    match checkin.content {
        Content::Directories(directories) => {
            let names = document["directories"].as_array().expect("names");
            let names = names.iter().map(|name| name.as_str().expect("a name"));
            check(&directories, names);
        }
        Content::Manifest(hash) => {
            let text = document["manifest_sha256"].as_str().expect("a hash");
            let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(text.to_ascii_lowercase(), digits);
        }
    }
}

/// Checks the bytes as a call of `report_mirror`, as what is packed in it, and as what is unpacked.
pub fn report_mirror(bytes: &[u8]) {
    accepted(report_mirror::decode_call(bytes, &LIMITS, |_| true));
    accepted(report_mirror::decode(&URL_SAFE.encode(bytes), &LIMITS, |_| true));
    let mut encoder = BzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    let packed = encoder.finish().expect("memory takes all");
    let call = format!(
        "<methodCall><methodName>checkin</methodName><params><param><value>{}</value></param></params></methodCall>",
        URL_SAFE.encode(packed)
    );
    let report = report_mirror::decode_call(call.as_bytes(), &LIMITS, |_| true);
    let Some(report) = accepted(report) else {
        return;
    };
    // The slow reader takes half a surrogate pair for a fault.
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return };
    assert_eq!(document["site"]["name"], *report.site);
    assert_eq!(document["host"]["name"], *report.host);
    let sections = document.as_object().expect("sections");
    let fixed = ["version", "global", "site", "host", "stats"];
    let categories = sections.iter().filter(|(name, _)| !fixed.contains(&&***name));
    let mut n_categories = 0;
    for (name, section) in categories {
        let tree = section["dirtree"].as_object().expect("names");
        check(&report.categories[&name.to_lowercase()], tree.keys().map(|name| &**name));
        n_categories += 1;
    }
    assert_eq!(report.categories.len(), n_categories);
}

fn accepted<T>(decoded: Result<T, CheckinError>) -> Option<T> {
    if let Err(error) = &decoded {
        let message = error.to_string();
        assert!(!message.chars().any(char::is_control), "{message:?}");
    }
    decoded.ok()
}

fn check<'n>(found: &Directories, names: impl Iterator<Item = &'n str>) {
    let is_name = |name: &&str| {
        name.len() <= model::MAX_NAME
            && !name.chars().any(char::is_control)
            && !model::path::leads_above(name)
    };
    let expected: BTreeSet<_> = names.filter(is_name).map(model::path::canonical).collect();
    assert!(found.names().iter().map(|name| &**name).eq(expected.iter().map(|name| &**name)));
    assert!(found.names().len() <= LIMITS.directories);
}
