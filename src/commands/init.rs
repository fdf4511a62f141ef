//! `mirrorlistd init`: writes a commented catalog to start from.

use std::path::Path;
use std::process::ExitCode;

use super::output::{FAILURE, fail, finish};
use crate::cli::InitArgs;
use sources::toml_catalog::starter;

pub(super) fn run(args: &InitArgs) -> ExitCode {
    let path = match starter::write(&args.folder) {
        Ok(path) => path,
        Err(error) => return fail(FAILURE, error),
    };
    let (repo, arch) = starter::EXAMPLE;
    let path = for_shell(&path);
    finish(format_args!(
        "{path} is a catalog to start from: put your repositories and mirrors into it. Then check it,
serve it, and ask it from another terminal:

  mirrorlistd check --catalog {path}
  mirrorlistd serve --catalog {path}
  curl 'http://127.0.0.1:3000/mirrorlist?repo={repo}&arch={arch}'
"
    ))
}

/// A path as a word of a shell's command line.
fn for_shell(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    match text.chars().all(is_plain) && !text.starts_with('-') {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_are_quoted() {
        for (path, word) in
            [("a/b.toml", "a/b.toml"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$x", "'$x'")]
        {
            assert_eq!(for_shell(Path::new(path)), word);
        }
    }
}
