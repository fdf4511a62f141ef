//! Several directories that a mirror must all carry to be listed, with one text behind its base URL: a
//! repository for each of its architectures, or a category.

use encode::write::push_url_path;
use model::ids::{DirectoryId, HostId};
use model::repository::ANY_ARCH;
use snapshot::{DirectoryView, Snapshot, members, remove};

/// Several directories in the form for answers.
#[derive(Debug)]
pub struct Joint {
    /// The directory whose layout says how mirrors serve all of them.
    first: DirectoryId,
    /// The mirrors that carry all of them, and in the same way as the first.
    carriers: Box<[u64]>,
    /// The text behind a base URL.
    tail: Gapped,
    /// The text behind the URL of a server that has every directory under its full name.
    full_tail: Gapped,
}

/// A path in its URL form, in pieces. The text that stands for each architecture comes between them.
#[derive(Debug)]
struct Gapped(Vec<String>);

impl Gapped {
    /// Cuts a path at each place where the architecture stands.
    fn cut(template: &str) -> Self {
        let escape = |piece: &str| {
            let mut out = String::new();
            push_url_path(piece, &mut out);
            out
        };
        Self(template.split(ANY_ARCH).map(escape).collect())
    }

    fn push(&self, text: &str, out: &mut String) {
        for (index, piece) in self.0.iter().enumerate() {
            out.push_str(if index > 0 { text } else { "/" });
            out.push_str(piece);
        }
    }
}

impl Joint {
    /// A repository for each of its architectures, which stand before their directories. `None` if a
    /// directory is not what `template` makes of its architecture, or if there is none.
    pub(super) fn of_arches(
        snapshot: &Snapshot,
        template: &str,
        arches: &[(&str, DirectoryId)],
    ) -> Option<Self> {
        let mut tail = None;
        for &(arch, id) in arches {
            let view = snapshot.directory(id)?;
            // What is below a base URL is the end of the full name.
            let above = view.name.strip_suffix(view.subpath)?;
            let own = template.strip_prefix(above)?;
            let is_sound = template.replace(ANY_ARCH, arch) == view.name
                && own.replace(ANY_ARCH, arch) == view.subpath;
            if !is_sound || *tail.get_or_insert(own) != own {
                return None;
            }
        }
        let (tail, full_tail) = (Gapped::cut(tail?), Gapped::cut(template));
        let ids: Vec<_> = arches.iter().map(|&(_, id)| id).collect();
        Self::new(snapshot, &ids, tail, full_tail)
    }

    /// A category: mirrors are listed by their base URLs.
    pub(super) fn of_category(snapshot: &Snapshot, directories: &[DirectoryId]) -> Option<Self> {
        Self::new(snapshot, directories, Gapped(Vec::new()), Gapped(Vec::new()))
    }

    fn new(
        snapshot: &Snapshot,
        directories: &[DirectoryId],
        tail: Gapped,
        full_tail: Gapped,
    ) -> Option<Self> {
        let (&first, others) = directories.split_first()?;
        let view = snapshot.directory(first)?;
        let mut carriers: Box<[u64]> = view.carriers.into();
        for &id in others {
            let other = snapshot.directory(id)?;
            for (all, own) in carriers.iter_mut().zip(other.carriers) {
                *all &= own;
            }
            if other.layout_id == view.layout_id {
                continue;
            }
            // Nearly all directories have one layout, so that this is rare.
            let serves = |view: &DirectoryView<'_>, host: HostId| {
                let slot = view.layout.slots().get(host.index()).copied().flatten()?;
                Some((slot.urls, slot.public))
            };
            for host in members(&carriers.clone()) {
                if serves(&view, host) != serves(&other, host) {
                    remove(&mut carriers, host);
                }
            }
        }
        Some(Self { first, carriers, tail, full_tail })
    }

    /// The directories as one that all of these mirrors carry. Its name is that of the first.
    pub fn view<'s>(&'s self, snapshot: &'s Snapshot) -> Option<DirectoryView<'s>> {
        let mut view = snapshot.directory(self.first)?;
        view.carriers = &self.carriers;
        Some(view)
    }

    /// Appends the text behind a base URL, with `text` for each architecture, without a closing slash.
    pub fn push_tail(&self, text: &str, out: &mut String) {
        self.tail.push(text, out);
    }

    /// Appends the text behind the URL of a server that has every directory under its full name.
    pub fn push_full_tail(&self, text: &str, out: &mut String) {
        self.full_tail.push(text, out);
    }
}
