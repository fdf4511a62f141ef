//! The input of every format: the mirrors that were chosen, and which of their URLs to list.

use super::prepared::Edition;
use super::prepared::listings::LayoutListings;
use super::selection::Selection;
use super::shaping::{Choice, Fallback};
use super::target::Target;
use encode::text::Text;
use encode::write::push_url_path;
use model::ids::HostId;
use model::tier::Tier;
use model::url::ProtocolSet;

/// The comment in a metalink without mirrors, which gives the reader a reason for the empty list.
pub(super) const NO_MIRROR_COMMENT: &str =
    " <!-- no mirror offers this file in the way that was asked for -->\n";

/// The most bytes that are reserved at once. A text that gets longer doubles its memory: then it has as much as a worker
/// keeps for the next one (`serve::http::body`).
const MAX_ESTIMATE: usize = 128 * 1024;

/// A list of mirrors, before it is written in a format.
#[derive(Clone, Copy)]
pub struct Document<'a> {
    /// The data from which the document is written.
    pub edition: &'a Edition,
    /// The directory or file that is listed.
    pub target: &'a Target<'a, 'a>,
    /// The mirrors, best first.
    pub selection: &'a Selection,
    /// Which URLs of the mirrors are listed.
    pub choice: Choice<'a>,
    /// The server that is listed last, if any.
    pub fallback: Option<&'a Fallback>,
    /// The text after a mirror's base URL (see [`push_url_tail`]).
    pub url_tail: &'a str,
    /// How URLs end.
    pub ending: Ending<'a>,
}

/// How URLs end.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// Whether those of directories end with a slash.
    pub slash: bool,
    /// The text behind each.
    pub suffix: &'a str,
}

impl Default for Ending<'_> {
    fn default() -> Self {
        Self { slash: true, suffix: "" }
    }
}

/// A URL of a list, with what formats say of it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The two halves of the URL.
    pub url: [&'a str; 2],
    /// The mirror; `None` for the fallback and for fixed URLs.
    pub host: Option<HostId>,
    /// The step in which its mirror was found, from 0 on: all mirrors of a step are equally good. `None` for the
    /// fallback.
    pub step: Option<usize>,
}

/// The URLs of a list.
#[derive(Clone, Copy)]
pub enum List<'a> {
    /// Those of mirrors, and of the fallback.
    Mirrors(&'a Document<'a>),
    /// Fixed ones, one a line.
    Fixed(&'a str),
}

impl List<'_> {
    /// Calls `each` with every URL, best first.
    pub fn each(self, mut each: impl FnMut(Entry<'_>)) {
        let document = match self {
            Self::Mirrors(document) => document,
            Self::Fixed(urls) => {
                return urls
                    .lines()
                    .for_each(|url| each(Entry { url: [url, ""], host: None, step: Some(0) }));
            }
        };
        let (listings, of_hosts) = (document.edition.listings(), document.listings());
        for (place, &host) in document.selection.hosts.iter().enumerate() {
            let step = document.selection.step(place);
            document.choice.each(of_hosts.of(host), |listing| {
                let url = [listings.url(listing), document.url_tail];
                each(Entry { url, host: Some(host), step });
            });
        }
        if let Some(url) = document.fallback_url() {
            each(Entry { url: [&url, ""], host: None, step: None });
        }
    }
}

/// Appends the text after a mirror's base URL: the subpath and the file, or a slash for a directory.
pub fn push_url_tail(target: &Target<'_, '_>, ending: Ending<'_>, out: &mut String) {
    match target.joint {
        Some((joint, text)) => joint.push_tail(text, out),
        None => push_below(target.directory.subpath, out),
    }
    push_end(&target.file, ending, out);
}

impl Document<'_> {
    /// Reserves roughly what the list takes, if each mirror takes so many bytes, up to 128 KB. Buffers are reused
    /// and large enough as a rule, so a better estimate is not worth a pass over all URLs.
    pub fn reserve(&self, fixed_parts: usize, bytes_per_mirror: usize, body: &mut Text) {
        let mirrors = self.selection.hosts.len().saturating_mul(bytes_per_mirror);
        body.reserve(mirrors.saturating_add(fixed_parts).min(MAX_ESTIMATE));
    }

    /// The URLs of the mirrors.
    pub fn listings(&self) -> LayoutListings<'_> {
        self.edition.listings().layout(self.target.directory.layout_id)
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.selection.hosts.is_empty() && self.fallback.is_none()
    }

    /// The URL of the fallback: the directory under its full name.
    pub fn fallback_url(&self) -> Option<String> {
        let fallback = self.fallback?;
        let mut url = fallback.base().to_owned();
        match self.target.joint {
            Some((joint, text)) => joint.push_full_tail(text, &mut url),
            None => push_below(self.target.directory.name, &mut url),
        }
        push_end(&self.target.file, self.ending, &mut url);
        Some(url)
    }

    /// The preference of the mirror at `place`: one step for each, from 100 down to 1.
    pub fn preference(place: usize) -> u64 {
        100_usize.saturating_sub(place).max(1) as u64
    }

    /// URLs to redirect to, best first, with the tier of their mirrors. Each mirror gives one URL,
    /// preferably https, whose base URL satisfies `is_usable`. URLs are percent-encoded to plain
    /// ASCII, because they become header values.
    pub fn redirect_urls(
        &self,
        is_usable: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = (Option<Tier>, String)> {
        let listings = self.edition.listings();
        let of_hosts = self.listings();
        let web =
            Choice { protocols: self.choice.protocols.intersect(ProtocolSet::WEB), ..self.choice };
        self.selection.hosts.iter().enumerate().filter_map(move |(place, &host)| {
            let mut urls = web.preferred(of_hosts.of(host));
            let listing = urls.find(|listing| is_usable(listings.url(listing)))?;
            let url = [&plain_ascii(listings.url(listing)), self.url_tail].concat();
            Some((self.selection.tier(place), url))
        })
    }
}

fn push_below(path: &str, out: &mut String) {
    if !path.is_empty() {
        out.push('/');
        push_url_path(path, out);
    }
}

fn push_end(file: &str, ending: Ending<'_>, out: &mut String) {
    if ending.slash || !file.is_empty() {
        out.push('/');
    }
    push_url_path(file, out);
    out.push_str(ending.suffix);
}

/// Percent-encodes every character of a URL that is not ASCII; existing escapes stay.
pub(super) fn plain_ascii(url: &str) -> String {
    let mut plain = String::with_capacity(url.len());
    for character in url.chars() {
        if character.is_ascii() {
            plain.push(character);
        } else {
            push_url_path(character.encode_utf8(&mut [0; 4]), &mut plain);
        }
    }
    plain
}
