//! The file of tokens: a line `NAME TOKEN` for each, or a line that is only a token. A line
//! `NAME TOKEN mirror=KEY …` is a token of the owner of these mirrors.
//!
//! Empty lines, and those that begin with `#`, say nothing. The file must belong to the user of this process
//! or to root, nobody but its owner may write it, and only its owner and group may read it. It is read again
//! when it has changed, and some seconds after an error of the system. If it cannot be used any more, there are no
//! tokens until it can.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::mirror_key::MirrorName;
use model::secret::Secret;
use runtime::regular_file::{self, ReadError};

use super::file_fault::{Error, FileFault};

/// The longest file that is read, in bytes.
const MAX_BYTES: u64 = 64 * 1024;
/// The shortest token, in bytes.
pub const MIN_TOKEN: usize = 16;
/// The most mirrors of a token.
const MAX_MIRRORS: usize = 100;
/// How long after an error of the system the file is read again.
const RETRY: Duration = Duration::from_secs(5);
/// What a word begins with that names a mirror.
const MIRROR: &str = "mirror=";
/// The longest name of a token, in bytes.
const MAX_NAME: usize = 60;
/// The name of a token without one.
const NAMELESS: &str = "(unnamed)";

/// A token and whose it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Token {
    pub(super) name: String,
    pub(super) secret: Secret,
    /// The keys of the mirrors that it is for; `None` is a token of an operator, which is for everything.
    pub(super) mirrors: Option<Arc<[String]>>,
}

impl Token {
    /// Whether this text is it.
    pub(super) fn is(&self, given: &[u8]) -> bool {
        self.secret.is(given)
    }
}

/// A file of tokens, read again when it changes.
pub(super) struct TokenFile {
    path: PathBuf,
    known: Mutex<Known>,
}

/// What came of reading it last.
struct Known {
    stamp: Option<Stamp>,
    tokens: Arc<[Token]>,
    /// When it is read again even if it has not changed: what the system has failed at may work by then.
    retry: Option<Instant>,
}

/// What differs if a file has changed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: (u64, u64),
    size: u64,
    changed: (i64, i64),
    mode: (u32, u32),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            // Also moves when the owner or the mode changes.
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            mode: (metadata.mode(), metadata.uid()),
        }
    }
}

impl TokenFile {
    /// Reads the file. That it cannot be used is an error now.
    pub(super) fn open(path: PathBuf) -> Result<Self, Error> {
        let (stamp, tokens) = read(&path)?;
        let known = Known { stamp: Some(stamp), tokens: tokens.into(), retry: None };
        Ok(Self { path, known: Mutex::new(known) })
    }

    /// The tokens now; none if the file cannot be used any more.
    pub(super) fn current(&self) -> Arc<[Token]> {
        self.current_at(Instant::now, read)
    }

    fn current_at(
        &self,
        now: impl Fn() -> Instant,
        read: impl FnOnce(&Path) -> Result<(Stamp, Vec<Token>), Error>,
    ) -> Arc<[Token]> {
        let stamp = std::fs::metadata(&self.path).ok().map(|metadata| Stamp::of(&metadata));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if stamp != known.stamp || known.retry.is_some_and(|retry| now() >= retry) {
            *known = match read(&self.path) {
                Ok((stamp, tokens)) => {
                    tracing::info!(
                        "{}: {} tokens were read again",
                        self.path.display(),
                        tokens.len()
                    );
                    Known { stamp: Some(stamp), tokens: tokens.into(), retry: None }
                }
                Err(error) => {
                    tracing::error!("{error}; nothing can be changed over TCP");
                    // A read that fails can take long.
                    let retry = (!error.is_of_configuration()).then(|| now() + RETRY);
                    Known { stamp, tokens: Arc::default(), retry }
                }
            };
        }
        Arc::clone(&known.tokens)
    }
}

/// Whether the file can be used, by the user of this process.
pub fn try_file(path: &Path) -> Result<(), Error> {
    read(path).map(drop)
}

fn read(path: &Path) -> Result<(Stamp, Vec<Token>), Error> {
    let error = |line, fault| Error { path: path.to_owned(), line, fault };
    let (metadata, text) = read_text(path).map_err(|fault| error(None, fault))?;
    let tokens = parse(&text)
        .map_err(|(line, reason)| error(line, FileFault::Content(reason.to_owned())))?;
    Ok((Stamp::of(&metadata), tokens))
}

fn read_text(path: &Path) -> Result<(Metadata, String), FileFault> {
    let (file, length) = regular_file::open(path)?;
    let metadata = file.metadata().map_err(ReadError::Open)?;
    check(&metadata, rustix::process::geteuid().as_raw())?;
    let bytes = regular_file::read_up_to(file, length, MAX_BYTES + 1)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(FileFault::Content(format!("is longer than {MAX_BYTES} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| FileFault::Content("is no text".to_owned()))?;
    Ok((metadata, text))
}

/// Whether a file with a secret belongs to this user or to root, and to nobody else; or why not.
pub(super) fn check(metadata: &Metadata, user: u32) -> Result<(), FileFault> {
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o777);
    if owner != user && owner != 0 {
        let reason = format!("belongs to user {owner}; it must belong to root or user {user}");
        return Err(FileFault::Owner(reason));
    }
    if mode & 0o027 != 0 {
        return Err(FileFault::Mode(format!(
            "has mode {mode:03o}; others must not read it, nor its group write it: chmod 600"
        )));
    }
    Ok(())
}

fn parse(text: &str) -> Result<Vec<Token>, (Option<usize>, &'static str)> {
    let mut tokens: Vec<Token> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let is_mirror = |word: &&str| word.starts_with(MIRROR);
        let (mirrors, words): (Vec<&str>, Vec<&str>) =
            line.split_ascii_whitespace().partition(is_mirror);
        let (name, secret) = match words[..] {
            [secret] => (NAMELESS, secret),
            [name, secret] => (name, secret),
            _ => {
                let reason =
                    "is not `NAME TOKEN`, or `NAME TOKEN mirror=KEY …`, separated by blanks";
                return Err((Some(number), reason));
            }
        };
        let keys = mirrors.iter().filter_map(|word| word.strip_prefix(MIRROR));
        let keys: Vec<String> = keys.map(str::to_owned).collect();
        let error = if secret.len() < MIN_TOKEN {
            Some("has a token of less than 16 characters: make one with `openssl rand -hex 16`")
        } else if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            Some("has a token with other characters than printable ASCII")
        } else if name.len() > MAX_NAME || name.chars().any(char::is_control) {
            Some("has a name that is too long, or holds control characters")
        } else if keys.iter().any(|key| !is_key(key)) || keys.len() > MAX_MIRRORS {
            Some("names more than 100 mirrors, or one whose key cannot be: write `mirror=KEY`")
        } else if tokens.iter().any(|known| known.is(secret.as_bytes())) {
            Some("has a token that stands above already")
        } else {
            None
        };
        if let Some(error) = error {
            return Err((Some(number), error));
        }
        let (name, secret) = (name.to_owned(), Secret::new(secret.to_owned()));
        let mirrors = (!keys.is_empty()).then(|| keys.into());
        tokens.push(Token { name, secret, mirrors });
    }
    match tokens.is_empty() {
        true => Err((None, "holds no token: a line for each, `NAME TOKEN`")),
        false => Ok(tokens),
    }
}

/// Whether a mirror can have this key.
fn is_key(key: &str) -> bool {
    MirrorName::parse(key).is_some() || key.parse::<i64>().is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let (line, reason) = parse(text).unwrap_err();
        let found = format!("{}{reason}", line.map(|line| format!("{line}: ")).unwrap_or_default());
        assert!(found.starts_with(expected), "{found}");
    }

    #[test]
    fn lines_hold_names_and_tokens() {
        let tokens = parse("# who\n\nci 0123456789abcdef\n  fedcba9876543210 \r\n").unwrap();
        let names: Vec<_> = tokens.iter().map(|token| &*token.name).collect();
        assert_eq!(names, ["ci", NAMELESS]);
        assert!(tokens[0].is(b"0123456789abcdef") && tokens[1].is(b"fedcba9876543210"));
        assert!(!format!("{tokens:?}").contains("0123"));
    }

    #[test]
    fn a_token_is_for_all_or_for_the_mirrors_that_its_line_names() {
        let text = "ci 0123456789abcdef\nowner 1123456789abcdef mirror=berlin mirror=7\n\
                    mirror=lima 2123456789abcdef\n";
        let tokens = parse(text).unwrap();
        let names: Vec<_> = tokens.iter().map(|token| &*token.name).collect();
        assert_eq!(names, ["ci", "owner", NAMELESS]);
        let mirrors: Vec<_> = tokens.iter().map(|token| token.mirrors.as_deref()).collect();
        let (two, one) = (["berlin".to_owned(), "7".to_owned()], ["lima".to_owned()]);
        assert_eq!(mirrors, [None, Some(&two[..]), Some(&one[..])]);
        refused("a 0123456789abcdef mirror=", "1: names more than 100 mirrors, or one");
        refused("a 0123456789abcdef mirror=a/b", "1: names more than 100 mirrors, or one");
        refused("a 0123456789abcdef berlin", "1: is not `NAME TOKEN`");
        refused("mirror=berlin", "1: is not `NAME TOKEN`");
        let many = format!("a 0123456789abcdef{}", " mirror=b".repeat(101));
        refused(&many, "1: names more than 100");
    }

    #[test]
    fn odd_lines_are_refused_with_their_number() {
        refused("", "holds no token");
        refused("# nothing\n", "holds no token");
        refused("\nci 0123456789abcde", "2: has a token of less than 16");
        refused("my ci 0123456789abcdef", "1: is not `NAME TOKEN`");
        refused("ci 0123456789abcdeü", "1: has a token with other");
        refused("a 0123456789abcdef\nb 0123456789abcdef", "2: has a token that stands above");
        refused(&format!("{} 0123456789abcdef", "n".repeat(61)), "1: has a name");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, "ci 0123456789abcdef\n").unwrap();
        let open = |mode: u32| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            TokenFile::open(path.clone()).map(|file| file.current().len())
        };
        for mode in [0o600, 0o640, 0o400] {
            assert_eq!(open(mode).unwrap(), 1);
        }
        for mode in [0o644, 0o604, 0o620, 0o601, 0o666] {
            let error = open(mode).unwrap_err().to_string();
            assert!(error.ends_with(&format!("has mode {mode:03o}; others must not read it, nor its group write it: chmod 600")), "{error}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let metadata = std::fs::metadata(&path).unwrap();
        let (owner, other) = (metadata.uid(), metadata.uid() + 1);
        assert!(check(&metadata, owner).is_ok());
        assert_eq!(check(&metadata, other).is_ok(), owner == 0);
        assert!(TokenFile::open(folder.path().to_owned()).is_err());
        assert!(TokenFile::open(folder.path().join("none")).is_err());
    }

    #[test]
    fn only_what_the_system_fails_at_is_no_fault_of_the_configuration() {
        // Nothing is mapped at its beginning: the system says that with the error of a broken disk.
        let error = try_file(Path::new("/proc/self/mem")).unwrap_err();
        assert!(error.to_string().contains("(os error 5)"), "{error}");
        assert!(!error.is_of_configuration() && !error.is_for_every_user());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let refused = |text: &[u8], mode: u32| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = try_file(&path).unwrap_err();
            (error.is_of_configuration(), error.is_for_every_user())
        };
        assert_eq!(refused(b"short x\n", 0o600), (true, true));
        assert_eq!(refused(&[0xff; 20], 0o600), (true, true));
        assert_eq!(refused(b"ci 0123456789abcdef\n", 0o644), (true, true));
    }

    #[test]
    fn an_error_of_the_system_is_forgotten_after_some_seconds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, "ci 0123456789abcdef\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let file = TokenFile::open(path.clone()).unwrap();
        let mode = |mode| std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, mode(0o400)).unwrap();
        let broken = |_: &Path| read(Path::new("/proc/self/mem"));
        let unread = |_: &Path| -> Result<(Stamp, Vec<Token>), Error> { panic!("it is read") };
        let start = Instant::now();
        let at = |seconds| move || start + Duration::from_secs(seconds);
        let (start, soon, later) = (at(0), at(1), at(60));
        assert_eq!(file.current_at(start, broken).len(), 0);
        assert_eq!(file.current_at(soon, unread).len(), 0);
        assert_eq!(file.current_at(later, read).len(), 1);
        assert_eq!(file.current_at(later, unread).len(), 1);
        // What is wrong with the file itself stays so until it changes.
        std::fs::set_permissions(&path, mode(0o644)).unwrap();
        assert_eq!(file.current_at(start, read).len(), 0);
        assert_eq!(file.current_at(later, unread).len(), 0);
    }

    #[test]
    fn a_changed_file_is_read_again_and_a_broken_one_has_no_tokens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let write = |text: &str| {
            // A new file, so that its number differs whatever the clock of the file system.
            let new = folder.path().join("new");
            std::fs::write(&new, text).unwrap();
            std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).unwrap();
            std::fs::rename(&new, &path).unwrap();
        };
        write("ci 0123456789abcdef\n");
        let file = TokenFile::open(path.clone()).unwrap();
        write("a 1123456789abcdef\nb 2123456789abcdef\n");
        assert_eq!(file.current().len(), 2);
        write("short x\n");
        assert_eq!((file.current().len(), file.current().len()), (0, 0));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.current().len(), 0);
        write("ci 0123456789abcdef\n");
        assert_eq!(file.current().len(), 1);
    }
}
