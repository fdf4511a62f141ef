//! The list of repositories that ends the answer for one that does not exist.

use encode::xml::escape_comment_into;
use snapshot::tables::Names;

/// The list that a request for an unknown repository gets, prepared once.
#[derive(Default)]
pub struct RepositoryList {
    /// A line `# repo=R&arch=A` for each repository, in order of their keys. A list that is too long
    /// is cut and ends with a line that gives the number of repositories.
    pub text: String,
    /// `text`, escaped for an XML comment.
    pub xml_comment: String,
}

impl RepositoryList {
    /// Prepares the list from the keys `repo+arch`.
    pub fn new(keys: &Names) -> Self {
        /// Enough for about 6,000 repositories. dnf asks twelve times for one that does not exist, so
        /// the length of this answer must not grow with the data.
        const MAX_BYTES: usize = 256 * 1_024;
        let mut list = Self::default();
        for key in keys.iter() {
            // An architecture holds no plus sign; a repository's name may.
            let (repo, arch) = key.rsplit_once('+').unwrap_or((key, ""));
            let line = ["# repo=", repo, "&arch=", arch, "\n"];
            if list.text.len() + line.iter().map(|part| part.len()).sum::<usize>() > MAX_BYTES {
                let n_all = keys.iter().count().to_string();
                list.text.extend(["# and more: there are ", &n_all, " in all\n"]);
                break;
            }
            list.text.extend(line);
        }
        escape_comment_into(&list.text, &mut list.xml_comment);
        list
    }
}
