//! A mirror: its files, how it behaves, and what it was asked.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// How a mirror answers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Behaviour {
    /// As it should: GET, HEAD, ranges, ETags, connections that are kept.
    #[default]
    Good,
    /// HEAD is answered with this status, GET as it should.
    HeadRefused(u16),
    /// Ranges are ignored.
    NoRanges,
    /// No length is said: a body ends with its connection.
    NoLength,
    /// No length is said: a body comes in chunks.
    Chunked,
    /// Each answer says that the connection ends.
    CloseAfterEach,
    /// A connection ends after each answer without saying so.
    CloseSilently,
    /// Everything is an HTML page with status 200.
    Page,
    /// Everything has this status, with these headers.
    Status(u16, Vec<(&'static str, String)>),
    /// So many requests get status 502, then all is good.
    Flaky(u64),
    /// Everything is at another place: this text and the path that was asked for.
    Redirect(String),
    /// Every URL redirects to one that was never seen before.
    RedirectForEver,
    /// Half of a body, then the end of the connection.
    Truncated,
    /// The head, and then a byte of the body each second.
    Drip,
    /// The head itself comes at a byte each second.
    DripHead,
    /// A body that never ends.
    Endless,
    /// A body that never ends, in chunks of one byte.
    EndlessChunks,
    /// A body of so many bytes, whatever was asked for.
    Huge(u64),
    /// A head that never ends.
    EndlessHead,
    /// A head of 1 MiB.
    HugeHead,
    /// Informational answers (100) that never end.
    EndlessInformation,
    /// Something that is no HTTP.
    Garbage,
    /// A body that is compressed though that was refused.
    Encoded,
    /// The connection ends without an answer.
    HangUp,
    /// No answer.
    Silent,
}

/// A request as the mirror saw it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// Names in lower case, and values.
    pub headers: BTreeMap<String, String>,
    /// The body, as long as `Content-Length` says.
    pub body: Vec<u8>,
    /// When it came.
    pub at: Instant,
}

/// A mirror.
#[derive(Debug, Default)]
pub struct Mirror {
    /// The files by path, with a slash at its beginning.
    pub files: BTreeMap<String, Vec<u8>>,
    behaviour: Mutex<Behaviour>,
    asked: Mutex<Vec<Asked>>,
    sent: AtomicU64,
}

impl Mirror {
    /// A mirror with files: path and contents.
    pub fn new(behaviour: Behaviour, files: &[(&str, &[u8])]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.to_vec())).collect();
        Self { files, behaviour: Mutex::new(behaviour), ..Self::default() }
    }

    /// How it behaves.
    pub fn behaviour(&self) -> Behaviour {
        self.behaviour.lock().unwrap().clone()
    }

    /// Changes how it behaves from the next request on.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Methods and paths of what it was asked so far, such as `GET /x`.
    pub fn lines(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect()
    }

    /// Bytes that it sent so far, heads as well.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The ETag of a file.
    pub fn etag(contents: &[u8]) -> String {
        let mix = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        format!("\"{:x}\"", contents.iter().fold(0xcbf2_9ce4_8422_2325, mix))
    }

    pub(crate) fn note(&self, asked: Asked) -> u64 {
        let mut all = self.asked.lock().unwrap();
        all.push(asked);
        all.len() as u64
    }

    pub(crate) fn count(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
