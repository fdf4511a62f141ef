//! `global_netblocks.txt`: lines `PREFIX ASN`, about a million of them.
//!
//! Tools write the second column in many ways, and all of these are read: `64500`, `AS64500`,
//! `"64500"`, `0.64500` (asdot, RFC 5396), and the sets `{64500,64501}`, `64500_64501` and
//! `64500,64501` of networks with several origins. Columns are separated by blanks, commas, semicolons
//! or bars; further columns are ignored. `ASN PREFIX` (RIPE's riswhois) and `ADDRESS LENGTH ASN`
//! (CAIDA's pfx2as) are read as well, and lines that begin with `#`, `;`, `%` or `!` are comments.
//!
//! A network that explicitly belongs to no AS (`None`, `NA`, `-`, `0`) hides a wider one that does,
//! as in the reference. A line with any other text is reported and skipped, so the wider network counts.
//! The same holds for 23456, the placeholder of software without 32-bit numbers (RFC 6793). A prefix
//! of length 0 is ignored, as in the reference.

use std::net::IpAddr;

use catalog::geography::{AsNetworks, Owner};
use catalog::{Origin, Report};
use model::asn::{self, AS_TRANS};
use model::net::{HostBits, Prefix};

/// The most bytes of a line; a longer one belongs to another kind of file.
const MAX_LINE: usize = 4_096;

/// Reads every line; bad ones are reported and skipped.
pub fn parse(file: &str, bytes: &[u8], report: &mut Report) -> AsNetworks {
    let mut table = AsNetworks::default();
    table.networks.reserve(bytes.len() / 28);
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for (line, text) in (1..).zip(lines(bytes)) {
        let origin = || Origin::line(file, line);
        if text.len() > MAX_LINE {
            let start = String::from_utf8_lossy(text.get(..80).unwrap_or(&[]));
            let value = format_args!("{start}…");
            report.skipped(&origin(), "line is longer than 4,096 bytes, skipped", value);
            continue;
        }
        let Ok(text) = std::str::from_utf8(text) else {
            let text = String::from_utf8_lossy(text);
            report.skipped(&origin(), "line is not UTF-8, skipped", text);
            continue;
        };
        // Nearly all lines are plain.
        if let Some((prefix, asn)) = parse_plain(text) {
            table.networks.push((prefix, Owner::As(asn)));
            continue;
        }
        parse_line(text, &mut table, |kind, problem| match kind {
            Kind::Mended => report.mended(&origin(), problem, text.trim()),
            Kind::Skipped => report.skipped(&origin(), problem, text.trim()),
        });
    }
    table
}

enum Kind {
    Mended,
    Skipped,
}

/// Parses a plain line `PREFIX ASN` that needs no diagnostic; `None` for other lines.
fn parse_plain(text: &str) -> Option<(Prefix, u32)> {
    let mut columns = text.split_ascii_whitespace();
    let (prefix, asn) = (columns.next()?, columns.next()?);
    if !prefix.contains('/') || !asn.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let asn = asn.parse().ok().filter(|&asn| is_system(asn))?;
    match Prefix::parse(prefix) {
        Ok((prefix, HostBits::Clear)) if prefix.len() > 0 => Some((prefix, asn)),
        _ => None,
    }
}

fn is_system(number: u32) -> bool {
    number != 0 && number != AS_TRANS
}

/// Parses any other line.
fn parse_line(text: &str, table: &mut AsNetworks, mut report_line: impl FnMut(Kind, &'static str)) {
    let text = text.trim();
    if text.is_empty() {
        return report_line(Kind::Skipped, "blank line, skipped");
    }
    if text.starts_with(['#', ';', '%', '!']) {
        return;
    }
    let (first, rest) = split_column(text, is_separator);
    let separator = text.get(first.len()..).and_then(|rest| rest.trim_start().chars().next());
    // A comma within a later column separates the items of a set, unless commas separate columns.
    let ends = |c| c == '|' || (is_separator(c) && Some(c) == separator);
    let (second, rest) = split_column(rest, ends);
    let (third, _) = split_column(rest, ends);
    let (first, second) = (unquote(first), unquote(second));
    let is_length = |text: &str| text.len() <= 3 && text.parse::<u8>().is_ok();
    let joined;
    let (prefix, column) = if first.contains('/') {
        (first, second)
    } else if second.contains('/') && !AsNumbers::parse(first).numbers.is_empty() {
        (second, first)
    } else if first.parse::<IpAddr>().is_ok() && is_length(second) && !third.is_empty() {
        joined = format!("{first}/{second}");
        (&*joined, unquote(third))
    } else if second.is_empty() {
        return report_line(Kind::Skipped, "line without an ASN, skipped");
    } else if first.parse::<IpAddr>().is_ok() {
        return report_line(Kind::Skipped, "prefix without a length, skipped");
    } else {
        return report_line(Kind::Skipped, "not a network prefix, skipped");
    };
    let Ok((prefix, host_bits)) = Prefix::parse(prefix) else {
        return report_line(Kind::Skipped, "not a network prefix, skipped");
    };
    if column.is_empty() {
        return report_line(Kind::Skipped, "line without an ASN, skipped");
    }
    if prefix.len() == 0 {
        return;
    }
    let asns = AsNumbers::parse(column);
    let nobody = asns.is_nobody.then_some(Owner::Nobody);
    let Some(owner) = table.owner(&asns.numbers).or(nobody) else {
        return report_line(
            Kind::Skipped,
            "names no AS number and hides no wider network, skipped",
        );
    };
    if host_bits == HostBits::WereSet {
        report_line(Kind::Mended, "prefix with host bits set, cleared");
    }
    if asns.has_others {
        report_line(Kind::Mended, "part of the ASN column is no AS number, left out");
    }
    table.networks.push((prefix, owner));
}

fn is_separator(character: char) -> bool {
    matches!(character, ',' | ';' | '|')
}

/// Splits off the first column, with quotes or braces around it. It ends at a blank, or at a character
/// for which `ends` returns true.
fn split_column(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    let closing = match text.chars().next() {
        Some('{') => Some('}'),
        Some('[') => Some(']'),
        Some('(') => Some(')'),
        Some(quote @ ('"' | '\'')) => Some(quote),
        _ => None,
    };
    let end = match closing {
        Some(closing) => text.get(1..).and_then(|inner| inner.find(closing)).map(|at| at + 2),
        None => text.find(|c: char| c.is_whitespace() || ends(c)),
    };
    let (column, rest) = text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, ""));
    let rest = rest.trim_start();
    (column, rest.strip_prefix(is_separator).unwrap_or(rest).trim_start())
}

fn unquote(column: &str) -> &str {
    column.trim_matches(['"', '\'']).trim()
}

/// The parsed content of an ASN column.
#[derive(Default)]
struct AsNumbers {
    /// The numbers, in the order of the text, each once.
    numbers: Vec<u32>,
    /// Whether it states that there is none.
    is_nobody: bool,
    /// Whether part of it cannot be read.
    has_others: bool,
}

impl AsNumbers {
    fn parse(column: &str) -> Self {
        let mut asns = Self::default();
        let inner = column.trim_matches(['{', '}', '[', ']', '(', ')', '"', '\'']);
        // These characters separate several numbers; blanks occur within braces only.
        for item in inner.split([',', '_', ' ', '\t', ';']).filter(|item| !item.is_empty()) {
            match asn::parse(item.trim_matches(['"', '\''])) {
                Some(0) => asns.is_nobody = true,
                Some(AS_TRANS) => asns.has_others = true,
                Some(number) if asns.numbers.contains(&number) => {}
                Some(number) => asns.numbers.push(number),
                None if is_nothing(item) => asns.is_nobody = true,
                None => asns.has_others = true,
            }
        }
        asns
    }
}

/// Whether a text is one of those that tools write for networks without an AS.
fn is_nothing(text: &str) -> bool {
    ["none", "null", "na", "n/a", "-", "nil"]
        .iter()
        .any(|nothing| text.eq_ignore_ascii_case(nothing))
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let lines = (!bytes.is_empty()).then(|| bytes.split(|&byte| byte == b'\n'));
    lines.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(table: &AsNetworks) -> Vec<String> {
        let numbers = |origin| {
            let mut all = Vec::new();
            let _: Option<()> = table.find_map(origin, |asn| {
                all.push(asn.to_string());
                None
            });
            if all.is_empty() { "nobody".to_owned() } else { all.join(" or ") }
        };
        table.networks.iter().map(|&(p, origin)| format!("{p} {}", numbers(origin))).collect()
    }

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
        let table = parse("n.txt", text, &mut report);
        assert_eq!(
            shown(&table),
            [
                "10.0.0.0/8 680",
                "10.2.0.0/16 nobody",
                "2001:db8::/32 64500",
                "2001:db8:1::/48 4294967295",
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
    fn the_column_is_read_however_it_is_written() {
        for (column, expected) in [
            ("64500", "64500"),
            ("AS64500", "64500"),
            ("as64500", "64500"),
            ("ASN64500", "64500"),
            ("\"64500\"", "64500"),
            ("'AS64500'", "64500"),
            ("0.64500", "64500"),
            ("1.10", "65546"),
            ("AS1.10", "65546"),
            ("65535.65535", "4294967295"),
            ("{64500}", "64500"),
            ("{64500,64501}", "64500 or 64501"),
            ("{64500, 64501}", "64500 or 64501"),
            ("{AS64500 AS64501}", "64500 or 64501"),
            ("[64500,64501]", "64500 or 64501"),
            ("64500_64501", "64500 or 64501"),
            ("64500,64501_64502", "64500 or 64501 or 64502"),
            ("64500_64500", "64500"),
            ("64500 Some network of ours", "64500"),
            ("64500|x", "64500"),
            ("{64500,23456}", "64500 (part left out)"),
            ("64500,x", "64500 (part left out)"),
            ("{64500,0}", "64500"),
            ("None", "nobody"),
            ("none", "nobody"),
            ("NA", "nobody"),
            ("N/A", "nobody"),
            ("NULL", "nobody"),
            ("-", "nobody"),
            ("0", "nobody"),
            ("AS0", "nobody"),
            ("0.0", "nobody"),
            ("23456", "skipped"),
            ("AS_TRANS", "skipped"),
            ("4294967296", "skipped"),
            ("0.65536", "skipped"),
            ("65536.0", "skipped"),
            ("1.2.3", "skipped"),
            ("-1", "skipped"),
            ("+1", "skipped"),
            ("1e3", "skipped"),
            ("EXAMPLE", "skipped"),
            ("AS", "skipped"),
            ("{}", "skipped"),
            ("{", "skipped"),
            ("", "skipped"),
            ("\"\"", "skipped"),
            ("ÄS64500", "skipped"),
        ] {
            let mut report = Report::default();
            let table = parse("n.txt", format!("10.0.0.0/8\t{column}\r\n").as_bytes(), &mut report);
            let lines = report.lines();
            let found = match (shown(&table).first(), &lines[..]) {
                (None, [line]) if line.contains("skipped: 10.0.0.0/8") => "skipped".to_owned(),
                (Some(network), []) => network.replace("10.0.0.0/8 ", ""),
                (Some(network), [line]) if line.contains("left out: ") => {
                    network.replace("10.0.0.0/8 ", "") + " (part left out)"
                }
                other => format!("{other:?}"),
            };
            assert_eq!(found, expected, "{column}");
        }
    }

    #[test]
    fn lines_of_other_tools_are_read() {
        let text = "\u{feff}# made by hand\n\
            ; IP-ASN32-DAT file\n\
            % riswhois\n\
            1.0.0.0/24,13335,Example\n\
            1.0.1.0/24, AS13335, Example\n\
            1.0.2.0/24;13335\n\
            1.0.3.0/24|13335|x\n\
            \"1.0.4.0/24\",\"13335\"\n\
            1.0.5.0/24,\"{1,2}\",x\n\
            13335\t1.0.6.0/24\t380\n\
            AS13335 1.0.7.0/24\n\
            {1,2}\t1.0.8.0/24\t7\n\
            1.0.9.0\t24\t13335\n\
            1.0.10.0\t24\t1_2\n\
            2001:db8::\t32\t13335\n\
            \u{20}1.0.11.0/24   13335   x\n";
        let mut report = Report::default();
        let table = parse("n.txt", text.as_bytes(), &mut report);
        assert_eq!(report.lines(), [""; 0]);
        assert_eq!(
            shown(&table),
            [
                "1.0.0.0/24 13335",
                "1.0.1.0/24 13335",
                "1.0.2.0/24 13335",
                "1.0.3.0/24 13335",
                "1.0.4.0/24 13335",
                "1.0.5.0/24 1 or 2",
                "1.0.6.0/24 13335",
                "1.0.7.0/24 13335",
                "1.0.8.0/24 1 or 2",
                "1.0.9.0/24 13335",
                "1.0.10.0/24 1 or 2",
                "2001:db8::/32 13335",
                "1.0.11.0/24 13335",
            ]
        );
    }

    #[test]
    fn a_line_without_end_costs_itself() {
        let mut text = vec![b'1'; 1 << 20];
        text.extend(b"\n10.0.0.0/8 680\n");
        let mut report = Report::default();
        let table = parse("n.txt", &text, &mut report);
        assert_eq!(shown(&table), ["10.0.0.0/8 680"]);
        let lines = report.lines();
        assert!(lines[0].starts_with("n.txt:1: line is longer than 4,096 bytes, skipped: 111"));
        assert!(lines[0].len() < 200 && lines.len() == 1, "{lines:?}");
    }

    #[test]
    fn an_empty_file_has_no_lines() {
        let mut report = Report::default();
        assert!(parse("n.txt", b"", &mut report).is_empty());
        assert!(report.is_empty());
    }
}
