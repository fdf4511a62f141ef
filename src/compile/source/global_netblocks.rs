//! `global_netblocks.txt`: lines `PREFIX ASN`, about a million of them.
//!
//! A line whose second column is no number (`None`, a name) still counts: it says that the network
//! belongs to no system we know, and hides a less specific one that does, as it does in the
//! reference. A prefix of length 0 is ignored, as in the reference.

use crate::compile::report::{Place, Report};
use crate::model::net::{HostBits, Prefix};

/// A network and its autonomous system.
pub type Record = (Prefix, Option<u32>);

/// Reads every line; bad ones are reported and skipped.
pub fn parse(file: &str, bytes: &[u8], report: &mut Report) -> Vec<Record> {
    let mut records = Vec::with_capacity(bytes.len() / 28);
    for (line, text) in (1..).zip(lines(bytes)) {
        let place = Place::Line(line);
        let Ok(text) = std::str::from_utf8(text) else {
            report.skipped(
                file,
                place,
                "line is not UTF-8, skipped",
                String::from_utf8_lossy(text),
            );
            continue;
        };
        let mut columns = text.split_ascii_whitespace();
        let Some(prefix) = columns.next() else {
            report.skipped(file, place, "blank line, skipped", "");
            continue;
        };
        let Some(asn) = columns.next() else {
            report.skipped(file, place, "line without an ASN, skipped", text);
            continue;
        };
        if !prefix.contains('/') {
            report.skipped(file, place, "prefix without a length, skipped", text);
            continue;
        }
        match Prefix::parse(prefix) {
            Ok((prefix, _)) if prefix.len() == 0 => {}
            Ok((prefix, host_bits)) => {
                if host_bits == HostBits::WereSet {
                    report.mended(file, place, "prefix with host bits set, cleared", text);
                }
                records.push((prefix, parse_asn(asn)));
            }
            Err(_) => report.skipped(file, place, "not a network prefix, skipped", text),
        }
    }
    records
}

fn parse_asn(text: &str) -> Option<u32> {
    text.parse().ok()
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let lines = (!bytes.is_empty()).then(|| bytes.split(|&byte| byte == b'\n'));
    lines.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_lines_are_reported_and_nothing_else_is_lost() {
        let text = b"10.0.0.0/8 680\n\
            \n\
            10.1.0.0/16\n\
            10.2.0.1/16 None\n\
            10.3.0.0 1\n\
            ten/8 1\n\
            0.0.0.0/0 1\n\
            10.4.0.0/\xff 1\n\
            10.5.0.0/33 1\n\
            2001:db8::/32\tAS64500\r\n\
            2001:db8:1::/48 4294967295";
        let mut report = Report::default();
        let records = parse("n.txt", text, &mut report);
        let shown: Vec<_> =
            records.iter().map(|(prefix, asn)| format!("{prefix} {asn:?}")).collect();
        assert_eq!(
            shown,
            [
                "10.0.0.0/8 Some(680)",
                "10.2.0.0/16 None",
                "2001:db8::/32 None",
                "2001:db8:1::/48 Some(4294967295)",
            ]
        );
        assert_eq!(
            report.lines(),
            [
                "n.txt:2: blank line, skipped: ",
                "n.txt:3: line without an ASN, skipped: 10.1.0.0/16",
                "n.txt:4: prefix with host bits set, cleared: 10.2.0.1/16 None",
                "n.txt:5: prefix without a length, skipped: 10.3.0.0 1",
                "n.txt:6: not a network prefix, skipped: ten/8 1 (and 1 more like it)",
                "n.txt:8: line is not UTF-8, skipped: 10.4.0.0/\u{fffd} 1",
            ]
        );
    }

    #[test]
    fn an_empty_file_has_no_lines() {
        let mut report = Report::default();
        assert!(parse("n.txt", b"", &mut report).is_empty());
        assert!(report.is_empty());
    }
}
