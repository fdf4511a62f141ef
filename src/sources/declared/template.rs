//! Templates of names and directories: `{name}`, `{version}` and `{arch}` in them are replaced.

use super::{Disabled, Repository};

/// A part of a template.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part<'a> {
    /// Text that stays as it is.
    Text(&'a str),
    /// A word between braces.
    Word(&'a str),
}

/// The reason why a text is no template: it holds a brace that is part of no word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("holds a single brace")]
pub struct SingleBrace;

/// Splits a template into text and words. Empty text is left out.
pub fn parts(template: &str) -> impl Iterator<Item = Result<Part<'_>, SingleBrace>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(behind) = rest.strip_prefix('{') {
            let word = behind.split_once('}').filter(|(word, _)| !word.contains('{'));
            let (word, after) =
                word.map_or((Err(SingleBrace), ""), |(word, after)| (Ok(Part::Word(word)), after));
            rest = after;
            return Some(word);
        }
        let (text, after) = rest.split_at_checked(rest.find('{').unwrap_or(rest.len()))?;
        rest = after;
        Some(if text.contains('}') { Err(SingleBrace) } else { Ok(Part::Text(text)) })
    })
}

/// Replaces the words of a template; `find` returns the text for a word. Words without a text, and what
/// follows a single brace, are left out.
pub fn fill<'a>(template: &str, find: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut filled = String::with_capacity(template.len() + 16);
    for part in parts(template) {
        match part {
            Ok(Part::Text(text)) => filled.push_str(text),
            Ok(Part::Word(word)) => filled.push_str(find(word).unwrap_or("")),
            Err(SingleBrace) => {}
        }
    }
    filled
}

impl Repository {
    /// The template of names in `repo=` where none is written.
    pub fn default_name_template(has_versions: bool) -> &'static str {
        if has_versions { "{name}-{version}" } else { "{name}" }
    }

    /// Its versions; one `None` if it has none.
    pub fn each_version(&self) -> impl Iterator<Item = Option<&str>> {
        let none = self.versions.is_empty().then_some(None);
        self.versions.iter().map(|version| Some(version.as_str())).chain(none)
    }

    /// The name in `repo=` of one version.
    pub fn repo_name(&self, version: Option<&str>) -> String {
        self.alias_name(&self.name, version)
    }

    /// The name in `repo=` of one version, by an alias.
    pub fn alias_name(&self, alias: &str, version: Option<&str>) -> String {
        fill(&self.name_template, |word| match word {
            "name" => Some(alias),
            "version" => version,
            _ => None,
        })
    }

    /// The directory of one version and architecture, below a mirror's base URL.
    pub fn directory(&self, version: Option<&str>, arch: &str) -> String {
        fill(&self.path, |word| match word {
            "name" => Some(&*self.name),
            "version" => version,
            "arch" => Some(arch),
            _ => None,
        })
    }

    /// Whether it is switched off for an architecture.
    pub fn is_disabled(&self, arch: &str) -> bool {
        match &self.disabled {
            Disabled::No => false,
            Disabled::Yes => true,
            Disabled::Arches(arches) => arches.iter().any(|disabled| disabled == arch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_between_braces_are_replaced_once() {
        let find = |word: &str| match word {
            "arch" => Some("x86_64"),
            "name" => Some("{arch}"),
            _ => None,
        };
        for (template, expected) in [
            ("", ""),
            ("pub/9", "pub/9"),
            ("{arch}", "x86_64"),
            ("a{arch}{arch}/os", "ax86_64x86_64/os"),
            ("{name}/{arch}", "{arch}/x86_64"),
            ("ü{arch}ü", "üx86_64ü"),
            ("{version}x", "x"),
        ] {
            assert_eq!(fill(template, find), expected, "{template}");
        }
    }

    #[test]
    fn single_braces_are_found() {
        for bad in ["{", "}", "a{", "a}", "{a", "a}b{arch}", "{{arch}}", "{arch}}", "{a{arch}"] {
            assert!(parts(bad).any(|part| part == Err(SingleBrace)), "{bad}");
            let _ = fill(bad, |_| Some("x"));
        }
        let good: Vec<_> = parts("a{b}{}").collect();
        assert_eq!(good, [Ok(Part::Text("a")), Ok(Part::Word("b")), Ok(Part::Word(""))]);
    }
}
