//! The target of a request: `path=`, or `repo=` and `arch=`, resolved to a directory and a file.

use std::borrow::Cow;

use super::alias::Aliases;
use super::format::Format;
use super::prepared::Edition;
use super::prepared::joint::Joint;
use super::query::Query;
use super::status::Status;
use model::path;
use model::repository::fixed_arch;
use routes::{Arch, BadValue, RouteTarget, Unresolved};
use snapshot::{DirectoryView, Snapshot};

/// What is asked for, as text.
pub enum Wanted<'q> {
    /// A directory or a file.
    Path(Cow<'q, str>),
    /// A repository for one architecture.
    Repository(Cow<'q, str>, Cow<'q, str>),
    /// A repository for each of its architectures, in whose place URLs hold the second text.
    EachArch(&'q str, &'q str),
    /// The base URLs of mirrors that carry a category.
    Category(&'q str),
    /// Fixed URLs, one a line: no mirrors are chosen.
    Urls(&'q str),
    /// Nothing is named.
    Nothing,
}

impl<'q> Wanted<'q> {
    /// What the query of a path that is built in asks for.
    pub fn of_query(query: &Query<'q>) -> Self {
        match (&query.path, &query.repo, &query.arch) {
            (Some(path), _, _) => Self::Path(path.clone()),
            (None, Some(repo), Some(arch)) => Self::Repository(repo.clone(), arch.clone()),
            _ => Self::Nothing,
        }
    }
}

impl<'q> From<RouteTarget<'q>> for Wanted<'q> {
    fn from(target: RouteTarget<'q>) -> Self {
        match target {
            RouteTarget::Repository(repo, Arch::Named(arch)) => {
                Self::Repository(repo.into(), arch.into())
            }
            RouteTarget::Repository(repo, Arch::Each(text)) => Self::EachArch(repo, text),
            RouteTarget::Path(path) => Self::Path(path.into()),
            RouteTarget::Category(name) => Self::Category(name),
            RouteTarget::Urls(urls) => Self::Urls(urls),
        }
    }
}

/// The directory that is asked for, and perhaps a file in it.
pub struct Target<'s, 'q> {
    /// The directory.
    pub directory: DirectoryView<'s>,
    /// The directories that it stands for, if they are several, and the text in place of the architecture.
    pub joint: Option<(&'s Joint, &'q str)>,
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
    /// `# category = C `.
    Category(&'q str),
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
    BadQuery(super::bad_query::BadQuery),
    /// The value of `ip=` is no address.
    BadAddress(Cow<'q, str>),
    /// A value of a route's parameter cannot be used.
    BadValue(&'q str, BadValue),
    /// A route that matches does not say what is asked for.
    Unresolved(Unresolved<'q>),
    /// The category does not exist.
    UnknownCategory(&'q str),
    /// The repository does not exist; the answer lists those that do.
    UnknownRepository(Subject<'s, 'q>),
    /// The repository is known, but its directories have no URL in common for each architecture.
    Divided(Subject<'s, 'q>),
    /// The repository is known, but no mirror carries its directory.
    NotCarried(Subject<'s, 'q>),
    /// The file has no known checksums, so there is no metalink.
    NoMetalink(&'s str, Cow<'q, str>),
    /// The data hold no checksums at all, so there are no metalinks.
    NoChecksums(&'s str, Cow<'q, str>),
    /// The repository is known, but no mirror carries its index.
    NoRepodata(&'s str),
}

impl Message<'_, '_> {
    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fixed(text) if text.starts_with("# either") => "nothing_asked",
            Self::Fixed(text) if text.ends_with("invalid path") => "unknown_path",
            Self::Fixed("repo disabled") => "repository_disabled",
            Self::Fixed(_) => "no_list",
            Self::BadQuery(_) | Self::BadValue(..) => "bad_query",
            Self::BadAddress(_) => "bad_address",
            Self::Unresolved(Unresolved::Missing(_)) => "parameter_missing",
            Self::Unresolved(_) => "unknown_value",
            Self::UnknownCategory(_) => "unknown_category",
            Self::UnknownRepository(_) => "unknown_repository",
            Self::Divided(_) => "divided_repository",
            Self::NotCarried(_) => "not_carried",
            Self::NoMetalink(..) | Self::NoChecksums(..) | Self::NoRepodata(_) => "no_metalink",
        }
    }
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
    edition: &'s Edition,
    aliases: &Aliases,
    wanted: &Wanted<'q>,
    format: Format,
    key: &mut String,
) -> Result<Target<'s, 'q>, Refusal<'s, 'q>> {
    let snapshot = edition.snapshot();
    match wanted {
        Wanted::Path(path) => resolve_path(snapshot, aliases, path),
        Wanted::Repository(repo, arch) => resolve_names(aliases, repo, |name| {
            let arch = effective_arch(name.as_str(), arch);
            resolve_repository(snapshot, name, arch, format, key)
        }),
        Wanted::EachArch(repo, text) => resolve_names(aliases, &Cow::Borrowed(*repo), |name| {
            resolve_each_arch(edition, name, text, format)
        }),
        Wanted::Category(name) => resolve_category(edition, name),
        Wanted::Urls(_) | Wanted::Nothing => Err(Refusal {
            status: Status::Ok,
            message: Message::Fixed("# either path=, or repo= and arch= must be specified"),
        }),
    }
}

/// Resolves a repository by its name, or else by the alias of that name.
fn resolve_names<'s, 'q>(
    aliases: &Aliases,
    repo: &Cow<'q, str>,
    mut resolve: impl FnMut(Name<'s, 'q>) -> Result<Target<'s, 'q>, Refusal<'s, 'q>>,
) -> Result<Target<'s, 'q>, Refusal<'s, 'q>> {
    let found = resolve(Name::Asked(repo.clone()));
    match (&found, aliases.find(repo)) {
        // The target of the alias decides whether this is a source repository.
        (Err(Refusal { message: Message::UnknownRepository(_), .. }), Some(target)) => {
            resolve(Name::Asked(Cow::Owned(target.to_owned())))
        }
        _ => found,
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
        let (file, subject) = (Cow::Borrowed(""), Subject::Path(path));
        return Ok(Target { directory, joint: None, file, subject });
    }
    let (parent, file) = path.rsplit_once('/').unwrap_or(("", &path));
    match find(parent) {
        Some(directory) if !file.is_empty() && !aliases.has(&path) => {
            let file = Cow::Owned(file.to_owned());
            Ok(Target { directory, joint: None, file, subject: Subject::Path(path) })
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
    let name = find_current(snapshot, asked)?;
    key.clear();
    key.extend([name.as_str(), "+", &arch]);
    let subject = Subject::Repository(name, arch);
    let Some(repository) = snapshot.find_repository(key) else {
        let message = Message::UnknownRepository(subject);
        return Err(Refusal { status: Status::NotFound, message });
    };
    if repository.is_disabled {
        return Err(disabled());
    }
    let (directory, file) = match format.describes_file() {
        false => (repository.directory, ""),
        true => (repository.repodata, "repomd.xml"),
    };
    match directory.and_then(|id| snapshot.directory(id)) {
        Some(directory) => {
            Ok(Target { directory, joint: None, file: Cow::Borrowed(file), subject })
        }
        None => {
            let message = match format.describes_file() {
                false => Message::NotCarried(subject),
                true => Message::NoRepodata(&repository.path),
            };
            Err(Refusal { status: Status::NotFound, message })
        }
    }
}

/// The name that a repository has now, unless it is switched off.
fn find_current<'s, 'q>(
    snapshot: &'s Snapshot,
    asked: Name<'s, 'q>,
) -> Result<Name<'s, 'q>, Refusal<'s, 'q>> {
    let name = snapshot.find_redirect(asked.as_str()).map_or(asked, Name::Redirected);
    if snapshot.is_disabled(name.as_str()) { Err(disabled()) } else { Ok(name) }
}

fn disabled<'s, 'q>() -> Refusal<'s, 'q> {
    Refusal { status: Status::Ok, message: Message::Fixed("repo disabled") }
}

fn resolve_each_arch<'s, 'q>(
    edition: &'s Edition,
    asked: Name<'s, 'q>,
    text: &'q str,
    format: Format,
) -> Result<Target<'s, 'q>, Refusal<'s, 'q>> {
    let name = find_current(edition.snapshot(), asked)?;
    let joint = edition.for_routes().repository(name.as_str());
    let view = joint.and_then(|joint| Some((joint, joint.view(edition.snapshot())?)));
    let is_known = edition.for_routes().knows_repository(name.as_str());
    let subject = Subject::Repository(name, Cow::Borrowed(text));
    match view {
        // Each architecture has checksums of its own.
        Some((joint, directory)) if !format.describes_file() => {
            let (file, joint) = (Cow::Borrowed(""), Some((joint, text)));
            Ok(Target { directory, joint, file, subject })
        }
        None if is_known => {
            Err(Refusal { status: Status::NotFound, message: Message::Divided(subject) })
        }
        _ => {
            let message = Message::UnknownRepository(subject);
            Err(Refusal { status: Status::NotFound, message })
        }
    }
}

fn resolve_category<'s, 'q>(
    edition: &'s Edition,
    name: &'q str,
) -> Result<Target<'s, 'q>, Refusal<'s, 'q>> {
    let joint = edition.for_routes().category(name);
    let view = joint.and_then(|joint| Some((joint, joint.view(edition.snapshot())?)));
    let Some((joint, directory)) = view else {
        return Err(Refusal { status: Status::NotFound, message: Message::UnknownCategory(name) });
    };
    let (file, subject) = (Cow::Borrowed(""), Subject::Category(name));
    Ok(Target { directory, joint: Some((joint, "")), file, subject })
}
