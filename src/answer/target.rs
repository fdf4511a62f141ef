//! What a request is about: `path=`, or `repo=` and `arch=`, turned into a directory and a file.

use std::borrow::Cow;

use super::alias::Aliases;
use super::format::Format;
use super::query::Query;
use super::status::Status;
use model::path;
use model::repository::fixed_arch;
use snapshot::{DirectoryView, Snapshot};

/// The directory that is asked for.
pub struct Target<'s, 'q> {
    /// Where it is.
    pub directory: DirectoryView<'s>,
    /// The file within it, or nothing for the directory itself.
    pub file: Cow<'q, str>,
    /// How the first line of a text list begins.
    pub subject: Subject<'s, 'q>,
}

/// What the first line of a text list names.
pub enum Subject<'s, 'q> {
    /// `# path = P `.
    Path(Cow<'q, str>),
    /// `# repo = R arch = A `, after redirects.
    Repository(Name<'s, 'q>, Cow<'q, str>),
}

/// A repository's name: as asked for, or where the snapshot redirects it.
pub enum Name<'s, 'q> {
    /// As asked for, or what that is an alias of.
    Asked(Cow<'q, str>),
    /// The name it has now.
    Redirected(&'s str),
}

/// An answer that needs no mirrors.
pub struct Refusal<'s, 'q> {
    /// HTTP status; some are 200, because old clients take the text for an empty list.
    pub status: Status,
    /// What to say.
    pub message: Message<'s, 'q>,
}

/// What to say instead of a list.
pub enum Message<'s, 'q> {
    /// A fixed text.
    Fixed(&'static str),
    /// Why the query cannot be read.
    BadQuery(super::query::BadQuery),
    /// `ip=` is no address.
    BadAddress(Cow<'q, str>),
    /// No such repository; lists those there are.
    UnknownRepository(Subject<'s, 'q>),
    /// The repository is known, but nobody carries its directory.
    NotCarried(Subject<'s, 'q>),
    /// The file has no checksums to make a metalink of.
    NoMetalink(&'s str, Cow<'q, str>),
    /// The repository is known, but nobody carries its index.
    NoRepodata(&'s str),
}

impl<'s, 'q> Refusal<'s, 'q> {
    /// The request itself is at fault.
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

/// The architecture that counts: repositories of sources have only one.
pub fn effective_arch<'q>(repo: &str, arch: &Cow<'q, str>) -> Cow<'q, str> {
    fixed_arch(repo).map_or_else(|| arch.clone(), Cow::Borrowed)
}

/// Finds the directory and the file. `key` is memory that is used again.
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
                    // Whether it is one of sources is up to the name that it stands for.
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

/// The directory of that name, or else the file of that name in one, unless the name is an alias: any
/// name may be a file's. Gives the path back where there is neither.
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

/// The path in the form in which directories are named ([`path::canonical`]): some proxies do so
/// before they pass a path on and some do not, and clients must not see a difference.
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
    if snapshot.is_disabled(name.as_str()) {
        return Err(Refusal { status: Status::Ok, message: Message::Fixed("repo disabled") });
    }
    key.clear();
    key.extend([name.as_str(), "+", &arch]);
    let subject = Subject::Repository(name, arch);
    let Some(repository) = snapshot.find_repository(key) else {
        let message = Message::UnknownRepository(subject);
        return Err(Refusal { status: Status::NotFound, message });
    };
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
