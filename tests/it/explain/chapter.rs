//! The chapter about explanations has every key and every word that a report can hold.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use syn::visit::{self, Visit};

use super::{ask, question, read_by, serve as serve_world};
use answer::Options;
use explain::PackageManager;

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The texts in a function, without those that macros format.
struct Texts<'a> {
    function: &'a str,
    is_within: bool,
    found: BTreeSet<String>,
}

impl<'ast> Visit<'ast> for Texts<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.is_within = item.sig.ident == self.function;
        visit::visit_item_fn(self, item);
        self.is_within = false;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.is_within = item.sig.ident == self.function;
        visit::visit_impl_item_fn(self, item);
        self.is_within = false;
    }

    /// Comments are attributes.
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        if self.is_within {
            self.found.insert(text.value());
        }
    }
}

/// The words in a function: what is no sentence.
fn words(file: &str, function: &str) -> BTreeSet<String> {
    let mut texts = Texts { function, is_within: false, found: BTreeSet::new() };
    texts.visit_file(&syn::parse_file(&read(file)).unwrap());
    let is_word = |text: &String| {
        !text.is_empty()
            && text
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || "_0123456789".contains(letter))
    };
    let mut words = texts.found;
    // The names of tables are of several words.
    words.retain(|text| is_word(text) || file.ends_with("provenance.rs"));
    words
}

#[test]
fn every_word_of_a_report_is_in_the_chapter() {
    let chapter = read("contrib/handbook/explain.md");
    let mut missing = BTreeSet::new();
    for (file, function, example) in [
        ("src/explain/wording.rs", "format", "isolist"),
        ("src/explain/wording.rs", "order", "random"),
        ("src/explain/wording.rs", "via", "world"),
        ("src/explain/wording.rs", "reason", "not_reached"),
        ("src/explain/wording.rs", "cut", "not_linked"),
        ("src/explain/wording.rs", "moved", "redirect_retry"),
        ("src/explain/making.rs", "url", "fallback"),
        ("src/explain/making.rs", "report", "no_endpoint"),
        ("src/explain/package_manager.rs", "as_str", "zypper"),
        ("src/model/tier.rs", "as_str", "geoip"),
        ("src/model/url.rs", "as_str", "rsync"),
        ("src/snapshot/provenance.rs", "as_str", "country database"),
        ("src/answer/target.rs", "code", "divided_repository"),
    ] {
        let words = words(file, function);
        assert!(words.contains(example), "{file} {function}: {words:?}");
        missing.extend(words.into_iter().filter(|word| !chapter.contains(&format!("`{word}`"))));
    }
    assert!(missing.is_empty(), "{missing:?}");
    assert!(chapter.contains(&format!("`{}`", serve::pages::explaining::BAD_FORM)));
}

fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                found.insert(key.clone());
                keys(value, found);
            }
        }
        Value::Array(array) => array.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

#[test]
fn every_key_of_a_report_is_in_the_chapter() {
    let mut options = Options::default();
    options.shaping.max_mirrors = Some(5);
    let list = "repo=baseos-9&arch=x86_64&protocol=https,rsync from 192.0.2.200";
    let report = read_by(PackageManager::Zypper, list, &options);
    let nothing = question("repo=nothing&arch=x86_64 from 192.0.2.1");
    let refused = ask(&serve_world(&options), &nothing).unwrap_err();
    let mut found = BTreeSet::new();
    keys(&json!(report), &mut found);
    keys(&json!({ "error": refused }), &mut found);
    for key in ["first_percent", "skipped", "by_embedded_ipv4", "detail", "first_line"] {
        assert!(found.contains(key), "{key}");
    }
    // Those that are null in this report.
    found.extend(["lat", "lon", "from", "to"].map(str::to_owned));
    found.remove("error");
    let chapter = read("contrib/handbook/explain.md");
    found.retain(|key| !chapter.contains(&format!("`{key}`")));
    assert!(found.is_empty(), "{found:?}");
}
