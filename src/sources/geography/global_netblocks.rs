//! Tables of autonomous systems as text, such as MirrorManager's `global_netblocks.txt`: lines
//! `PREFIX ASN`, about a million of them, or `START,END,ASN`.
//!
//! Tools write the number in many ways, and all of these are read: `64500`, `AS64500`, `"64500"`,
//! `0.64500` (asdot, RFC 5396), and the sets `{64500,64501}`, `64500_64501` and `64500,64501` of networks
//! with several origins. Columns are separated by blanks, commas, semicolons or bars; further columns are
//! ignored. `ASN PREFIX` (RIPE's riswhois), `ADDRESS LENGTH ASN` (CAIDA's pfx2as) and ranges of addresses
//! (ip-location-db, DB-IP, IPtoASN) are read as well. Where the first line names the columns (GeoLite2,
//! IPinfo), they may be in any order. Lines that begin with `#`, `;`, `%` or `!` are comments.
//!
//! A network that explicitly belongs to no AS (`None`, `NA`, `-`, `0`) hides a wider one that does,
//! as in the reference. A line with any other text is reported and skipped, so the wider network counts.
//! The same holds for 23456, the placeholder of software without 32-bit numbers (RFC 6793). A prefix
//! of length 0 is ignored, as in the reference.

use std::net::IpAddr;
use std::ops::ControlFlow;

use super::address_range::{AddressRange, BadRange};
use super::columns::{Header, NetworkColumns, read_prefix, split};
use super::limit::{self, TooManyNetworks};
use super::lines::{Line, for_each_line};
use catalog::Report;
use catalog::geography::{AsNetworks, Owner};
use model::asn::{self, AS_TRANS};
use model::net::{HostBits, Prefix};

/// Columns of AS numbers, by the preferred name first.
const ASN: [&str; 3] = ["autonomous_system_number", "asn", "as_number"];

/// The reason why a text is no table of autonomous systems.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadText {
    /// No line of it can be used.
    #[error("holds no line PREFIX ASN and no line START,END,ASN")]
    NoLine,
    /// Its first line names columns, and none of them is that of AS numbers.
    #[error(
        "holds no AS number: its first line names no column `autonomous_system_number`, `asn` or \
         `as_number`"
    )]
    NoColumn,
    /// It has too many networks.
    #[error(transparent)]
    TooManyNetworks(#[from] TooManyNetworks),
}

/// The diagnostic for a line without the second column.
const NO_ASN: &str = "line without an ASN, skipped";

/// Reads every line; bad ones are reported and skipped.
pub fn parse(file: &str, bytes: &[u8], report: &mut Report) -> Result<AsNetworks, BadText> {
    let mut reader = Reader::default();
    reader.table.networks.reserve(bytes.len() / 28);
    let read = for_each_line(file, bytes, report, |mut line| match reader.read(&mut line) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    });
    match read {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) if reader.table.is_empty() => Err(BadText::NoLine),
        ControlFlow::Continue(()) => Ok(reader.table),
    }
}

/// What was read, and how to read the next line.
#[derive(Default)]
struct Reader<'a> {
    table: AsNetworks,
    /// Whether there was a line that is no comment.
    is_begun: bool,
    /// The columns of networks and numbers, if the first line says them.
    named: Option<(NetworkColumns, usize)>,
    /// Of the current line; here, so that it is allocated once.
    columns: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn read(&mut self, line: &mut Line<'a, '_>) -> Result<(), BadText> {
        // Nearly all lines are plain.
        if self.named.is_none()
            && let Some((prefix, asn)) = parse_plain(line.text)
        {
            self.is_begun = true;
            self.table.networks.push((prefix, Owner::As(asn)));
        } else if line.text.trim().is_empty() {
            line.skipped("blank line, skipped");
        } else if line.is_comment() {
            return Ok(());
        } else if let Some((networks, at)) = self.named {
            split(line.text, &mut self.columns);
            let column = self.columns.get(at).copied().unwrap_or("");
            if let Some(range) = networks.read(&self.columns, line) {
                self.push(range, column, line);
            }
        } else {
            let is_first = !std::mem::replace(&mut self.is_begun, true);
            if is_first && self.read_header(line.text)? {
                return Ok(());
            }
            self.read_columns(line);
        }
        Ok(limit::check(self.table.len())?)
    }

    /// Reads the first line, if it has the names of columns.
    fn read_header(&mut self, text: &'a str) -> Result<bool, BadText> {
        split(text, &mut self.columns);
        let Some(header) = Header::of(&self.columns) else { return Ok(false) };
        let column = header.find(&ASN).ok_or(BadText::NoColumn)?;
        self.named = Some((header.networks, column));
        Ok(true)
    }

    /// Reads a line whose columns show by themselves what they are.
    fn read_columns(&mut self, line: &mut Line<'a, '_>) {
        let text = line.text.trim();
        let (first, rest) = split_column(text, is_separator);
        let separator = text.get(first.len()..).and_then(|rest| rest.trim_start().chars().next());
        // A comma within a later column separates the items of a set, unless commas separate columns.
        let ends = |c| c == '|' || (is_separator(c) && Some(c) == separator);
        let (second, rest) = split_column(rest, ends);
        let (third, _) = split_column(rest, ends);
        let (first, second, third) = (unquote(first), unquote(second), unquote(third));
        let is_length = |text: &str| text.len() <= 3 && text.parse::<u8>().is_ok();
        let (range, column) = if first.contains('/') {
            (read_prefix(first, line), second)
        } else if second.contains('/') && !AsNumbers::parse(first).numbers.is_empty() {
            (read_prefix(second, line), first)
        } else if first.parse::<IpAddr>().is_ok() && is_length(second) && !third.is_empty() {
            (read_prefix(&format!("{first}/{second}"), line), third)
        } else {
            (read_range(first, second, line), third)
        };
        if let Some(range) = range {
            self.push(range, column, line);
        }
    }

    /// Adds the networks of a range, if the column of numbers says something.
    fn push(&mut self, range: AddressRange, column: &str, line: &mut Line<'_, '_>) {
        if column.is_empty() {
            return line.skipped(NO_ASN);
        }
        let asns = AsNumbers::parse(column);
        let nobody = asns.is_nobody.then_some(Owner::Nobody);
        let Some(owner) = self.table.owner(&asns.numbers).or(nobody) else {
            return line.skipped("names no AS number and hides no wider network, skipped");
        };
        if asns.has_others {
            line.mended("part of the ASN column is no AS number, left out");
        }
        let prefixes = range.prefixes().filter(|prefix| prefix.len() > 0);
        self.table.networks.extend(prefixes.map(|prefix| (prefix, owner)));
    }
}

/// Reads the columns of a line as the ends of a range, and reports the line if they are not.
fn read_range(first: &str, second: &str, line: &mut Line<'_, '_>) -> Option<AddressRange> {
    match AddressRange::parse(first, second) {
        Ok(range) => return Some(range),
        Err(BadRange::Address) if second.is_empty() => line.skipped(NO_ASN),
        Err(BadRange::Address) if first.parse::<IpAddr>().is_ok() => {
            line.skipped("prefix without a length, skipped");
        }
        Err(BadRange::Address) => line.skipped("not a network prefix, skipped"),
        Err(error) => line.skipped(error.problem()),
    }
    None
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], report: &mut Report) -> AsNetworks {
        parse("n.txt", text, report).unwrap_or_default()
    }

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
        let table = read(text, &mut report);
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
            let table = read(format!("10.0.0.0/8\t{column}\r\n").as_bytes(), &mut report);
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
        let table = read(text.as_bytes(), &mut report);
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
        let table = read(&text, &mut report);
        assert_eq!(shown(&table), ["10.0.0.0/8 680"]);
        let lines = report.lines();
        assert!(lines[0].starts_with("n.txt:1: line is longer than 4,096 bytes, skipped: 111"));
        assert!(lines[0].len() < 200 && lines.len() == 1, "{lines:?}");
    }

    #[test]
    fn what_is_no_such_table_is_refused() {
        for (text, expected) in [
            ("", BadText::NoLine),
            ("# nothing\n", BadText::NoLine),
            ("1.0.0.0,1.0.0.255,AU\n", BadText::NoLine),
            ("network,country_code\n1.0.0.0/24,AU\n", BadText::NoColumn),
        ] {
            let error = parse("n.txt", text.as_bytes(), &mut Report::default()).err();
            assert_eq!(error, Some(expected), "{text}");
        }
    }

    #[test]
    fn ranges_of_addresses_are_read_as_networks() {
        let text = "1.0.0.0,1.0.0.255,13335,\"Cloudflare, Inc.\"\n\
            1.0.1.0,1.0.3.255,AS64500\r\n\
            \"16778240\",\"16779263\",\"38803\",\"Gtelecom Pty Ltd\"\n\
            1.0.16.0\t1.0.16.255\t0\tNone\tNot routed\n\
            2001:200::,2001:200:1b9:ffff:ffff:ffff:ffff:ffff,2500,WIDE Project\n\
            42540528726795050063891204319802818560,42540528806023212578155541913346768895,2500,x\n\
            1.0.18.0,1.0.17.0,1\n\
            1.0.18.0,1.0.18.255,\n";
        let mut report = Report::default();
        let table = read(text.as_bytes(), &mut report);
        assert_eq!(
            shown(&table),
            [
                "1.0.0.0/24 13335",
                "1.0.1.0/24 64500",
                "1.0.2.0/23 64500",
                "1.0.4.0/22 38803",
                "1.0.16.0/24 nobody",
                "2001:200::/40 2500",
                "2001:200:100::/41 2500",
                "2001:200:180::/43 2500",
                "2001:200:1a0::/44 2500",
                "2001:200:1b0::/45 2500",
                "2001:200:1b8::/47 2500",
                "2001:200::/32 2500",
            ]
        );
        assert_eq!(
            report.lines(),
            [
                "n.txt:7: range that ends before it begins, skipped: 1.0.18.0,1.0.17.0,1",
                "n.txt:8: line without an ASN, skipped: 1.0.18.0,1.0.18.255,",
            ]
        );
    }

    #[test]
    fn columns_may_have_names() {
        let text = "network,autonomous_system_number,autonomous_system_organization\n\
            1.0.0.0/24,13335,\"CLOUDFLARENET, x\"\n\
            # the end\n\
            1.0.1.0/24,,\n";
        let mut report = Report::default();
        let table = read(text.as_bytes(), &mut report);
        assert_eq!(shown(&table), ["1.0.0.0/24 13335"]);
        assert_eq!(report.lines(), ["n.txt:4: line without an ASN, skipped: 1.0.1.0/24,,"]);
        let text = "start_ip,end_ip,country,asn\n1.0.0.0,1.0.0.255,AU,AS13335\n";
        assert_eq!(shown(&read(text.as_bytes(), &mut report)), ["1.0.0.0/24 13335"]);
    }
}
