//! HTTP/1.1 by hand, because a server that is made well cannot do what mirrors do.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use super::mirror::{Asked, Behaviour, Mirror};

/// A page for people.
pub const PAGE: &[u8] = b"<!DOCTYPE html><title>Welcome</title>";
/// The longest head of a request that is read.
const MAX_HEAD: usize = 64 << 10;
/// The longest body of a request that is read.
const MAX_BODY: usize = 1 << 20;

/// Answers requests over a stream until either side ends it.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, mirror: &Mirror) {
    // The client may go away at any time.
    while let Ok(Some(asked)) = read_request(&mut stream).await {
        let n_asked = mirror.note(asked.clone());
        match answer(&mut stream, mirror, &asked, n_asked).await {
            Ok(true) => {}
            Ok(false) | Err(_) => break,
        }
    }
    let _ = stream.shutdown().await;
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<Asked>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let text = String::from_utf8(head).map_err(io::Error::other)?;
    let mut lines = text.trim_end().lines();
    let mut words = lines.next().unwrap_or("").split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let header = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_ascii_lowercase(), value.to_owned()))
    };
    let headers: BTreeMap<String, String> = lines.filter_map(header).collect();
    let (method, path) = (method.to_owned(), path.to_owned());
    let length = headers.get("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0_usize).min(MAX_BODY)];
    stream.read_exact(&mut body).await?;
    Ok(Some(Asked { method, path, headers, body, at: Instant::now() }))
}

/// An answer that is sent.
struct Answer<'m, S> {
    stream: &'m mut S,
    mirror: &'m Mirror,
}

impl<S: AsyncWrite + Unpin> Answer<'_, S> {
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.mirror.count(bytes.len());
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    async fn slowly(&mut self, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            sleep(Duration::from_secs(1)).await;
            self.send(&[*byte]).await?;
        }
        Ok(())
    }

    async fn for_ever(&mut self, piece: &[u8]) -> io::Result<()> {
        let pieces = piece.repeat((16 << 10) / piece.len());
        loop {
            self.send(&pieces).await?;
        }
    }
}

fn head(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Whatever\r\n");
    for &(name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// Answers; whether the connection goes on.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    mirror: &Mirror,
    asked: &Asked,
    n_asked: u64,
) -> io::Result<bool> {
    let behaviour = mirror.behaviour();
    let is_head = asked.method == "HEAD";
    let mut to = Answer { stream, mirror };
    match behaviour {
        Behaviour::HangUp => return Ok(false),
        Behaviour::Silent => {
            // Until the client goes.
            let _ = to.stream.read_u8().await;
            return Ok(false);
        }
        Behaviour::Garbage => {
            to.send(b"220 mirror.example ESMTP ready\r\n\r\n").await?;
            return Ok(false);
        }
        Behaviour::EndlessHead => {
            to.send(b"HTTP/1.1 200 OK\r\n").await?;
            to.for_ever(b"X-Filler: x\r\n").await?;
        }
        Behaviour::HugeHead => {
            let filler = "x".repeat(1 << 20);
            to.send(&head(200, &[("X-Filler", &filler), ("Content-Length", "0")])).await?;
        }
        Behaviour::EndlessInformation => to.for_ever(b"HTTP/1.1 100 Continue\r\n\r\n").await?,
        Behaviour::DripHead => to.slowly(&head(200, &[("Content-Length", "0")])).await?,
        Behaviour::Drip => {
            to.send(&head(200, &[("Content-Length", "100000")])).await?;
            to.slowly(&[b'x'; 100_000]).await?;
        }
        Behaviour::Endless => {
            to.send(&head(200, &[])).await?;
            to.for_ever(&[b'x'; 1_024]).await?;
        }
        Behaviour::EndlessChunks => {
            to.send(&head(200, &[("Transfer-Encoding", "chunked")])).await?;
            to.for_ever(b"1\r\nx\r\n").await?;
        }
        Behaviour::Huge(size) => {
            to.send(&head(200, &[("Content-Length", &size.to_string())])).await?;
            if !is_head {
                to.for_ever(&[b'x'; 1_024]).await?;
            }
        }
        Behaviour::Page => {
            let length = PAGE.len().to_string();
            let headers = [("Content-Type", "text/html"), ("Content-Length", &length)];
            to.send(&head(200, &headers)).await?;
            if !is_head {
                to.send(PAGE).await?;
            }
        }
        Behaviour::Status(status, headers) => {
            to.send(&empty(status, headers.iter().map(|(name, value)| (*name, &**value)))).await?;
        }
        Behaviour::Redirect(prefix) => {
            let location = prefix + &asked.path;
            to.send(&empty(302, [("Location", &*location)])).await?;
        }
        Behaviour::RedirectForEver => {
            let location = format!("/{n_asked}");
            to.send(&empty(302, [("Location", &*location)])).await?;
        }
        Behaviour::HeadRefused(status) if is_head => to.send(&empty(status, [])).await?,
        Behaviour::Flaky(n) if n_asked <= n => to.send(&empty(502, [])).await?,
        good => return file(to, mirror, asked, &good).await,
    }
    Ok(true)
}

fn empty<'h>(status: u16, headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Vec<u8> {
    let headers: Vec<_> = headers.into_iter().chain([("Content-Length", "0")]).collect();
    head(status, &headers)
}

/// Answers with a file, more or less as it should be.
async fn file<S: AsyncWrite + Unpin>(
    mut to: Answer<'_, S>,
    mirror: &Mirror,
    asked: &Asked,
    behaviour: &Behaviour,
) -> io::Result<bool> {
    let path = asked.path.split('?').next().unwrap_or("");
    let Some(contents) = mirror.files.get(path) else {
        to.send(&empty(404, [])).await?;
        return Ok(true);
    };
    let etag = Mirror::etag(contents);
    if asked.headers.get("if-none-match") == Some(&etag) {
        to.send(&head(304, &[("ETag", &etag)])).await?;
        return Ok(true);
    }
    let mut body = &contents[..];
    let mut status = 200;
    let mut headers = vec![("ETag".to_owned(), etag), ("Content-Type".into(), "text/xml".into())];
    let range = asked.headers.get("range").and_then(|range| range.strip_prefix("bytes=0-"));
    if let Some(last) = range.filter(|_| *behaviour != Behaviour::NoRanges) {
        let end = (last.parse::<usize>().unwrap() + 1).min(body.len());
        let total = body.len();
        if end == 0 {
            to.send(&empty(416, [("Content-Range", "bytes */0")])).await?;
            return Ok(true);
        }
        (status, body) = (206, &body[..end]);
        headers.push(("Content-Range".into(), format!("bytes 0-{}/{total}", end - 1)));
    }
    let is_chunked = *behaviour == Behaviour::Chunked;
    match behaviour {
        Behaviour::Chunked => headers.push(("Transfer-Encoding".into(), "chunked".into())),
        Behaviour::NoLength => {}
        _ => headers.push(("Content-Length".into(), body.len().to_string())),
    }
    let is_last = matches!(behaviour, Behaviour::CloseAfterEach | Behaviour::NoLength);
    if is_last {
        headers.push(("Connection".into(), "close".into()));
    }
    if *behaviour == Behaviour::Encoded {
        headers.push(("Content-Encoding".into(), "gzip".into()));
    }
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    to.send(&head(status, &headers)).await?;
    if asked.method != "HEAD" {
        if is_chunked {
            for piece in body.chunks(7) {
                to.send(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
                to.send(piece).await?;
                to.send(b"\r\n").await?;
            }
            to.send(b"0\r\n\r\n").await?;
        } else if *behaviour == Behaviour::Truncated {
            to.send(&body[..body.len() / 2]).await?;
            return Ok(false);
        } else {
            to.send(body).await?;
        }
    }
    Ok(!is_last && *behaviour != Behaviour::CloseSilently)
}
