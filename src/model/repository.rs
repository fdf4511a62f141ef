//! Repositories: their names, and their keys `repo+arch`.

/// The greatest length of a name, a version or an architecture in a catalog, in bytes.
const MAX_PART: usize = 100;

/// What stands for the architecture in a directory that is the same for all of them but for that.
pub const ANY_ARCH: &str = "{arch}";

/// Splits a key into repository and architecture, at the last plus sign: an architecture has none.
pub fn split_key(key: &str) -> Option<(&str, &str)> {
    key.rsplit_once('+')
}

/// The only architecture of a repository with source packages, which is used whatever the request
/// names; `None` for other repositories.
pub fn fixed_arch(repo: &str) -> Option<&'static str> {
    repo.contains("source").then_some("source")
}

/// Whether a text can be the name of a repository or of a group in a catalog.
pub fn is_name(text: &str) -> bool {
    is_part(text, b"._+~-/")
}

/// Whether a text can be a version in a catalog.
pub fn is_version(text: &str) -> bool {
    is_part(text, b"._+~-")
}

/// Whether a text can be an architecture in a catalog. It has no plus sign, which divides it from the name
/// in a key.
pub fn is_arch(text: &str) -> bool {
    is_part(text, b"._-")
}

/// Whether a text consists of letters, digits and some other characters, begins with a letter or a digit,
/// and has no segments that mean other directories.
fn is_part(text: &str, others: &[u8]) -> bool {
    let is_of_part = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
    text.len() <= MAX_PART
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(is_of_part)
        && text.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_versions_and_architectures_differ_in_their_punctuation() {
        let long = "a".repeat(101);
        for (text, expected) in [
            ("baseos", [true; 3]),
            ("9.8", [true; 3]),
            ("x86_64-v2", [true; 3]),
            ("10~beta", [true, true, false]),
            ("c++", [true, true, false]),
            ("extra/tools", [true, false, false]),
            ("a/../b", [false; 3]),
            ("a//b", [false; 3]),
            ("a/", [false; 3]),
            (".a", [false; 3]),
            ("", [false; 3]),
            ("a b", [false; 3]),
            ("\u{e4}", [false; 3]),
            (&long, [false; 3]),
            (&"a".repeat(100), [true; 3]),
        ] {
            assert_eq!([is_name(text), is_version(text), is_arch(text)], expected, "{text}");
        }
    }
}
