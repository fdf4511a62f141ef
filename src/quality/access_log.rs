//! Reads the addresses of clients from an access log.
//!
//! Two kinds of lines are read: those of this program's and MirrorManager's `mirrorlist` logs
//! (`IP: 192.0.2.1; DATE: …`), and those that begin with an address, as the logs of web servers do. Others are
//! counted. A log may be of any length and hold anything: it is read once, a line takes a bounded amount of
//! memory, and of all addresses a sample of bounded size is kept.

use std::io::{self, BufRead, BufReader};
use std::net::IpAddr;
use std::path::Path;

use fastrand::Rng;

use super::error::Error;
use model::net::canonical;
use runtime::regular_file::{self, ReadError};

/// The most bytes of a line in which an address is looked for: longer than any address with what is around
/// it.
const MAX_HEAD: usize = 128;

/// The clients of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogSample {
    /// Addresses of lines that were chosen by chance, each line with the same probability.
    pub addresses: Vec<IpAddr>,
    /// How many lines name an address.
    pub n_clients: u64,
    /// How many other lines there are.
    pub n_others: u64,
}

/// Reads a log, and keeps the addresses of at most `n` lines.
pub fn read(path: &Path, n: usize, seed: u64) -> Result<LogSample, Error> {
    let of_log = |error| Error::Log { path: path.to_owned(), error };
    let (file, _) = regular_file::open(path).map_err(of_log)?;
    let sample = sample(BufReader::with_capacity(1 << 16, file), n, seed)
        .map_err(|error| of_log(ReadError::Read { offset: 0, error }))?;
    if sample.addresses.is_empty() {
        return Err(Error::NoClients { path: path.to_owned(), n_lines: sample.n_others });
    }
    Ok(sample)
}

/// Reads lines to the end.
pub fn sample(mut lines: impl BufRead, n: usize, seed: u64) -> io::Result<LogSample> {
    let mut rng = Rng::with_seed(seed);
    let mut sample = LogSample { addresses: Vec::new(), n_clients: 0, n_others: 0 };
    let mut head = Vec::with_capacity(MAX_HEAD);
    while read_head(&mut lines, &mut head)? {
        let Some(address) = find_address(&head) else {
            sample.n_others += 1;
            continue;
        };
        // Each line has the same probability to be in the sample (Vitter's algorithm R).
        if sample.addresses.len() < n {
            sample.addresses.push(address);
        } else if let Ok(place) = usize::try_from(rng.u64(0..=sample.n_clients))
            && let Some(entry) = sample.addresses.get_mut(place)
        {
            *entry = address;
        }
        sample.n_clients += 1;
    }
    Ok(sample)
}

/// Reads a line and keeps its beginning; false at the end.
fn read_head(lines: &mut impl BufRead, head: &mut Vec<u8>) -> io::Result<bool> {
    head.clear();
    let mut is_there = false;
    loop {
        let bytes = match lines.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if bytes.is_empty() {
            return Ok(is_there);
        }
        is_there = true;
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let line = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        let room = MAX_HEAD.saturating_sub(head.len());
        head.extend(line.iter().take(room));
        let used = end.map_or(bytes.len(), |end| end + 1);
        lines.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// The address that a line begins with.
fn find_address(line: &[u8]) -> Option<IpAddr> {
    let line = line.strip_prefix(b"IP: ").unwrap_or(line);
    let end = line.iter().position(|&byte| byte == b';' || byte.is_ascii_whitespace());
    let word = line.get(..end.unwrap_or(line.len()))?;
    let address: IpAddr = std::str::from_utf8(word).ok()?.parse().ok()?;
    Some(canonical(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read_all(log: &[u8], n: usize) -> (Vec<String>, u64, u64) {
        let LogSample { addresses, n_clients, n_others } =
            // A small buffer, so that lines are cut.
            sample(BufReader::with_capacity(7, log), n, 1).expect("memory does not fail");
        (addresses.iter().map(ToString::to_string).collect(), n_clients, n_others)
    }

    #[test]
    fn lines_of_all_kinds_of_logs_are_read() {
        let log = "IP: 194.140.93.10; DATE: 2026-11-21; COUNTRY: ES; REPO: fedora-40; ARCH: x86_64\n\
                   IP: 2001:db8::1; DATE: 2026-11-21; COUNTRY: N/A; REPO: fedora-40; ARCH: x86_64\r\n\
                   ::ffff:192.0.2.1 - - [21/Nov/2026:11:01:29 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\"\n\
                   192.0.2.2";
        let expected = ["194.140.93.10", "2001:db8::1", "192.0.2.1", "192.0.2.2"];
        assert_eq!(read_all(log.as_bytes(), 9), (expected.map(str::to_owned).to_vec(), 4, 0));
    }

    #[test]
    fn a_hostile_log_costs_lines_and_nothing_else() {
        let mut log = vec![b'1'; 1 << 20];
        log.extend_from_slice(
            b"\n\n\n\0\xff\xfe; 192.0.2.9\nIP: ; IP: 192.0.2.1\nIP: 192.0.2.1.5; \n",
        );
        log.extend_from_slice(
            b"-1.2.3.4\nIP: fe80::1%eth0; x\nIP: IP: 192.0.2.1; x\n192.0.2.3 \x1b[2J\n",
        );
        assert_eq!(read_all(&log, 9), (vec!["192.0.2.3".into()], 1, 9));
        assert_eq!(read_all(b"", 9), (vec![], 0, 0));
        assert_eq!(read_all(b"192.0.2.1\n", 0), (vec![], 1, 0));
    }

    #[test]
    fn each_line_is_kept_with_the_same_probability() {
        let log: String = (0..200).map(|host| format!("192.0.2.{host}\n")).collect();
        let mut n_times = [0_u32; 200];
        for seed in 0..400 {
            let sample = sample(log.as_bytes(), 20, seed).expect("memory does not fail");
            assert_eq!((sample.addresses.len(), sample.n_clients), (20, 200));
            for address in sample.addresses {
                let IpAddr::V4(address) = address else { panic!("{address}") };
                n_times[usize::from(address.octets()[3])] += 1;
            }
        }
        // 40 times each on average, with a deviation of 6.
        assert!(n_times.iter().all(|&n| (10..=70).contains(&n)), "{n_times:?}");
    }

    #[test]
    fn a_log_that_names_nobody_or_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let message = |path: &Path| read(path, 9, 1).expect_err("no clients").to_string();
        assert!(message(&path).ends_with("log: No such file or directory (os error 2)"));
        std::fs::write(&path, "a\nb\n").expect("a file");
        assert!(message(&path).contains("none of 2 lines names the address"), "{}", message(&path));
        assert!(
            message(folder.path()).contains("not a regular file"),
            "{}",
            message(folder.path())
        );
    }
}
