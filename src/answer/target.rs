//! The target of a request: `path=`, or `repo=` and `arch=`, resolved to a directory and a file.

use std::borrow::Cow;

use super::alias::Aliases;
use super::format::Format;
use super::query::Query;
use super::status::Status;
use model::path;
use model::repository::fixed_arch;
use snapshot::{DirectoryView, Snapshot};

/// The directory that is asked for, and perhaps a file in it.
pub struct Target<'s, 'q> {
    /// The directory.
    pub directory: DirectoryView<'s>,
    /// The name of the file in it; empty for the directory itself.
    pub file: Cow<'q, str>,
    /// The subject in the first line of a text list.
    pub subject: Subject<'s, 'q>,
}

/// The subject that the first line of a text list names.
pub enum Subject<'s, 'q> {
    /// `# path = P `.
    Path(Cow<'q, str>),
    /// `# repo = R arch = A `, after redirects.
    Repository(Name<'s, 'q>, Cow<'q, str>),
}

/// A repository's name: as asked for, or where the snapshot redirects it.
pub enum Name<'s, 'q> {
    /// The name as asked for, or the target of that alias.
    Asked(Cow<'q, str>),
    /// The name it has now.
    Redirected(&'s str),
}

/// An answer that needs no mirrors.
pub struct Refusal<'s, 'q> {
    /// HTTP status; some are 200, because old clients take the text for an empty list.
    pub status: Status,
    /// The message of the answer.
    pub message: Message<'s, 'q>,
}

/// A message that is returned instead of a list.
pub enum Message<'s, 'q> {
    /// A fixed text.
    Fixed(&'static str),
    /// The query cannot be read, for this reason.
    BadQuery(super::query::BadQuery),
    /// The value of `ip=` is no address.
    BadAddress(Cow<'q, str>),
    /// The repository does not exist; the answer lists those that do.
    UnknownRepository(Subject<'s, 'q>),
    /// The repository is known, but no mirror carries its directory.
    NotCarried(Subject<'s, 'q>),
    /// The file has no known checksums, so there is no metalink.
    NoMetalink(&'s str, Cow<'q, str>),
    /// The data hold no checksums at all, so there are no metalinks.
    NoChecksums(&'s str, Cow<'q, str>),
    /// The repository is known, but no mirror carries its index.
    NoRepodata(&'s str),
}

impl<'s, 'q> Refusal<'s, 'q> {
    /// A refusal with status 400.
    pub fn bad_request(message: Message<'s, 'q>) -> Self {
        Self { status: Status::BadRequest, message }
    }
}

impl Name<'_, '_> {
    /// The name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Asked(name) => name,
            Self::Redirected(name) => name,
        }
    }
}

/// The architecture to look up; source repositories have only one.
pub fn effective_arch<'q>(repo: &str, arch: &Cow<'q, str>) -> Cow<'q, str> {
    fixed_arch(repo).map_or_else(|| arch.clone(), Cow::Borrowed)
}

/// Finds the directory and the file. `key` is a reused buffer.
pub fn resolve<'s, 'q>(
    snapshot: &'s Snapshot,
    aliases: &Aliases,
    query: &Query<'q>,
    format: Format,
    key: &mut String,
) -> Result<Target<'s, 'q>, Refusal<'s, 'q>> {
    match (&query.path, &query.repo, &query.arch) {
        (Some(path), _, _) => resolve_path(snapshot, aliases, path),
        (None, Some(repo), Some(arch)) => {
            let asked = Name::Asked(repo.clone());
            let own_arch = effective_arch(repo, arch);
            let found = resolve_repository(snapshot, asked, own_arch, format, key);
            match (&found, aliases.find(repo)) {
                (Err(Refusal { message: Message::UnknownRepository(_), .. }), Some(target)) => {
                    // The target of the alias decides whether this is a source repository.
                    let arch = effective_arch(target, arch);
                    let renamed = Name::Asked(Cow::Owned(target.to_owned()));
                    resolve_repository(snapshot, renamed, arch, format, key)
                }
                _ => found,
            }
        }
        _ => Err(Refusal {
            status: Status::Ok,
            message: Message::Fixed("# either path=, or repo= and arch= must be specified"),
        }),
    }
}

fn resolve_path<'s, 'q>(
    snapshot: &'s Snapshot,
    aliases: &Aliases,
    path: &Cow<'q, str>,
) -> Result<Target<'s, 'q>, Refusal<'s, 'q>> {
    let path = normalize(path);
    find_path(snapshot, aliases, path)
        .or_else(|path| {
            let renamed = aliases.rename(&path).ok_or(path)?;
            find_path(snapshot, &Aliases::default(), Cow::Owned(renamed))
        })
        .map_err(|_| {
            let message = Message::Fixed("error: invalid path");
            Refusal { status: Status::NotFound, message }
        })
}

/// Finds the directory `path`, or else the file `path` in its parent directory. An alias is not taken
/// for a file, because any name may be a file's. Returns the path if neither exists.
fn find_path<'s, 'q>(
    snapshot: &'s Snapshot,
    aliases: &Aliases,
    path: Cow<'q, str>,
) -> Result<Target<'s, 'q>, Cow<'q, str>> {
    let find = |name: &str| snapshot.find_directory(name).and_then(|id| snapshot.directory(id));
    if let Some(directory) = find(&path) {
        return Ok(Target { directory, file: Cow::Borrowed(""), subject: Subject::Path(path) });
    }
    let (parent, file) = path.rsplit_once('/').unwrap_or(("", &path));
    match find(parent) {
        Some(directory) if !file.is_empty() && !aliases.has(&path) => {
            let file = Cow::Owned(file.to_owned());
            Ok(Target { directory, file, subject: Subject::Path(path) })
        }
        _ => Err(path),
    }
}

/// The path in the canonical form of directory names ([`path::canonical`]). Some proxies normalize
/// paths and some do not; the answer must be the same for both.
fn normalize<'q>(path: &Cow<'q, str>) -> Cow<'q, str> {
    match path {
        Cow::Borrowed(path) => path::canonical(path),
        Cow::Owned(path) => Cow::Owned(path::canonical(path).into_owned()),
    }
}

fn resolve_repository<'s, 'q>(
    snapshot: &'s Snapshot,
    asked: Name<'s, 'q>,
    arch: Cow<'q, str>,
    format: Format,
    key: &mut String,
) -> Result<Target<'s, 'q>, Refusal<'s, 'q>> {
    let name = snapshot.find_redirect(asked.as_str()).map_or(asked, Name::Redirected);
    const DISABLED: Message<'static, 'static> = Message::Fixed("repo disabled");
    if snapshot.is_disabled(name.as_str()) {
        return Err(Refusal { status: Status::Ok, message: DISABLED });
    }
    key.clear();
    key.extend([name.as_str(), "+", &arch]);
    let subject = Subject::Repository(name, arch);
    let Some(repository) = snapshot.find_repository(key) else {
        let message = Message::UnknownRepository(subject);
        return Err(Refusal { status: Status::NotFound, message });
    };
    if repository.is_disabled {
        return Err(Refusal { status: Status::Ok, message: DISABLED });
    }
    let (directory, file) = match format {
        Format::Mirrorlist | Format::Json => (repository.directory, ""),
        Format::Metalink | Format::Metalink4 => (repository.repodata, "repomd.xml"),
    };
    match directory.and_then(|id| snapshot.directory(id)) {
        Some(directory) => Ok(Target { directory, file: Cow::Borrowed(file), subject }),
        None => {
            let message = match format {
                Format::Mirrorlist | Format::Json => Message::NotCarried(subject),
                Format::Metalink | Format::Metalink4 => Message::NoRepodata(&repository.path),
            };
            Err(Refusal { status: Status::NotFound, message })
        }
    }
}
