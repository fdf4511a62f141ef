//! A client that asks one request at a time and measures the answer's size.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Result;

/// A connection that is kept.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body_bytes: usize,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self { stream, buffer: vec![0; 1 << 16] })
    }

    /// Asks for `target` on behalf of a client's address.
    pub(crate) fn ask(&mut self, target: &str, client: &str) -> Result<Answer> {
        self.send(target, client)?;
        self.receive()
    }

    /// Sends a request for `target` on behalf of a client's address.
    pub(crate) fn send(&mut self, target: &str, client: &str) -> Result<()> {
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {client}\r\n\r\n");
        Ok(self.stream.write_all(request.as_bytes())?)
    }

    /// Reads the answer to the request that was sent.
    pub(crate) fn receive(&mut self) -> Result<Answer> {
        let mut filled = 0;
        let header_bytes = loop {
            filled += self.read_from(filled)?;
            let head = self.buffer.get(..filled).unwrap_or_default();
            if let Some(at) = head.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = self.buffer.get(..header_bytes).unwrap_or_default();
        let head = std::str::from_utf8(head)?.to_ascii_lowercase();
        let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let body_bytes: usize = length.ok_or("no content-length")?.trim().parse()?;
        let mut left = (header_bytes + body_bytes).saturating_sub(filled);
        while left > 0 {
            left = left.saturating_sub(self.read_from(0)?);
        }
        Ok(Answer { status, body_bytes })
    }

    fn read_from(&mut self, at: usize) -> Result<usize> {
        match self.stream.read(self.buffer.get_mut(at..).unwrap_or_default())? {
            0 => Err("the server closed the connection".into()),
            n => Ok(n),
        }
    }
}

/// How large the answer to each request is, with another path than it names.
pub(crate) fn sizes_of<'r>(
    address: SocketAddr,
    path: &str,
    requests: impl Iterator<Item = &'r (String, String)>,
) -> Result<Vec<usize>> {
    let mut connection = Connection::open(address)?;
    let mut sizes = Vec::new();
    for (target, client) in requests {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let answer = connection.ask(&format!("{path}?{query}"), client)?;
        if answer.status != 200 {
            return Err(format!("{target} for {client} has status {}", answer.status).into());
        }
        sizes.push(answer.body_bytes);
    }
    Ok(sizes)
}

/// How large the answers to all requests are.
pub(crate) struct Sizes {
    pub(crate) mean: f64,
    pub(crate) p10: usize,
    pub(crate) p50: usize,
    pub(crate) p90: usize,
    pub(crate) largest: usize,
}

/// Asks all requests once, with another path than they name.
pub(crate) fn measure_sizes(
    address: SocketAddr,
    path: &str,
    requests: &[(String, String)],
) -> Result<Sizes> {
    let mut sizes = sizes_of(address, path, requests.iter())?;
    sizes.sort_unstable();
    let at = |share: usize| sizes.get(sizes.len() * share / 100).copied().unwrap_or(0);
    let total: usize = sizes.iter().sum();
    Ok(Sizes {
        mean: total as f64 / sizes.len().max(1) as f64,
        p10: at(10),
        p50: at(50),
        p90: at(90),
        largest: sizes.last().copied().unwrap_or(0),
    })
}
