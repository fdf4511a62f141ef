//! Targets: what an answer is about.

use super::map::Lists;
use super::template::{Escaping, Made, Template};
use super::unresolved::Unresolved;
use super::values::Values;

/// What an answer is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RouteTarget<'b> {
    /// A repository, before redirects of the catalog.
    Repository(&'b str, Arch<'b>),
    /// A directory, or a file in one.
    Path(&'b str),
    /// The base URLs of a category.
    Category(&'b str),
    /// Fixed URLs, one a line.
    Urls(&'b str),
}

/// An architecture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arch<'b> {
    /// One architecture.
    Named(&'b str),
    /// All architectures of the repository: URLs hold this text in their place, which clients replace.
    Each(&'b str),
}

/// The templates of a target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum TargetTemplate {
    /// The name of a repository and its architecture.
    Repository(Template, Template),
    /// A path.
    Path(Template),
    /// The name of a category.
    Category(Template),
    /// URLs; not empty.
    Urls(Vec<Template>),
}

impl TargetTemplate {
    /// Makes the target in `out`, whose former text is removed.
    pub(crate) fn make<'t, 'b>(
        &'t self,
        values: &Values<'_>,
        lists: &'t Lists,
        out: &'b mut String,
    ) -> Result<RouteTarget<'b>, Unresolved<'t>> {
        out.clear();
        let mut write = |template: &'t Template, escaping| {
            let made = template.write(values, lists, escaping, out)?;
            Ok((made, out.len()))
        };
        match self {
            Self::Repository(repo, arch) => {
                let (_, end) = write(repo, Escaping::None)?;
                let (made, _) = write(arch, Escaping::None)?;
                let (repo, arch) = out.split_at_checked(end).unwrap_or_default();
                let arch = match made {
                    Made::Named => Arch::Named(arch),
                    Made::Literal => Arch::Each(arch),
                };
                Ok(RouteTarget::Repository(repo, arch))
            }
            Self::Path(path) => {
                write(path, Escaping::None)?;
                Ok(RouteTarget::Path(out))
            }
            Self::Category(name) => {
                write(name, Escaping::None)?;
                Ok(RouteTarget::Category(out))
            }
            Self::Urls(urls) => {
                for (index, url) in urls.iter().enumerate() {
                    if index > 0 {
                        out.push('\n');
                    }
                    url.write(values, lists, Escaping::Url, out)?;
                }
                Ok(RouteTarget::Urls(out))
            }
        }
    }

    /// All templates.
    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        let (first, second, more): (_, _, &[Template]) = match self {
            Self::Repository(repo, arch) => (Some(repo), Some(arch), &[]),
            Self::Path(one) | Self::Category(one) => (Some(one), None, &[]),
            Self::Urls(urls) => (None, None, urls),
        };
        first.into_iter().chain(second).chain(more)
    }
}
