//! Law: an index is decoded as it was written or refused, and `repomd.xml` is read as a slow reader reads it.

use index::Index;
use index::format::{Broken, VERSION};
use runtime::sealed::Kind;

/// Checks the bytes as a file, and as the payload of a file whose header is right, so that the decoder and
/// the checks are reached.
pub fn index(bytes: &[u8]) {
    let kind =
        Kind { magic: b"treeidx\n", version: VERSION, limit: u64::MAX, name: "", remedy: "" };
    drop(Index::decode(bytes));
    let payload = bytes.get(runtime::sealed::HEADER..).unwrap_or(bytes);
    match Index::decode(&kind.seal(payload).expect("any length is accepted")) {
        Ok(index) => {
            let again = index.encode().expect("what was decoded is not too long");
            assert_eq!(Index::decode(&again).expect("what was written is read"), index);
            exercise(&index);
        }
        Err(Broken::Decode(_) | Broken::Meaning(_)) => {}
        Err(error) => panic!("the header does not fit: {error}"),
    }
}

fn exercise(index: &Index) {
    for directory in index.directories().iter().take(20) {
        assert_eq!(index.find(&directory.name), Some(directory));
        assert_eq!(index.resolve(&directory.name), *directory.name);
        let below = index.below(&directory.name);
        assert!(below.iter().all(|other| other.name.starts_with(&*directory.name)));
    }
    for alias in index.aliases().iter().take(20) {
        assert_eq!(index.resolve(&alias.name), *alias.target);
    }
}

/// Checks the bytes as a `repomd.xml`.
pub fn repomd(bytes: &[u8]) {
    match scan::repomd::parse(bytes) {
        Ok(repomd) => {
            let text = std::str::from_utf8(bytes).expect("only text is accepted");
            if let Some(expected) = slow_timestamp(text) {
                assert_eq!(repomd.timestamp, expected, "{text}");
            }
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
}

/// The largest timestamp of well-formed XML, by looking at one tag after the other; `None` for documents
/// with comments, entities and the like.
#[allow(clippy::option_option, reason = "the answer may be that there is no timestamp")]
fn slow_timestamp(text: &str) -> Option<Option<u64>> {
    let (_, text) = text.split_once("?>").unwrap_or(("", text));
    if ["<!", "<?", "&"].iter().any(|odd| text.contains(odd)) {
        return None;
    }
    let mut largest = None;
    let mut pieces = text.split('<').skip(1).peekable();
    while let Some(piece) = pieces.next() {
        let (tag, content) = piece.split_once('>')?;
        // An attribute could hold a tag.
        if tag.contains(['"', '\'']) && tag.matches(['"', '\'']).count() % 2 == 1 {
            return None;
        }
        let name = tag.split(|c: char| c.is_ascii_whitespace()).next()?;
        let local = name.rsplit(':').next()?;
        let is_closed = pieces.peek().is_some_and(|next| next.starts_with('/'));
        if local == "timestamp" && is_closed && !tag.ends_with('/') {
            let seconds = content.trim().split('.').next()?;
            largest = largest.max(seconds.parse().ok());
        }
    }
    Some(largest)
}
