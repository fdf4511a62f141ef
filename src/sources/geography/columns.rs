//! Columns of a CSV table of networks: how a line is split, and what a line with their names says.
//!
//! Columns are separated by commas, semicolons, tabs or bars, whichever comes first in the line, and may
//! be in double quotes (RFC 4180).

use super::address_range::AddressRange;
use super::lines::Line;
use model::net::{HostBits, Prefix};

const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];

/// Names of a column that holds networks as prefixes.
const PREFIX: [&str; 5] = ["network", "prefix", "cidr", "ip_prefix", "ip_range"];
/// Names of the columns that hold the first and the last address of networks.
const RANGE: [(&str, &str); 8] = [
    ("start_ip", "end_ip"),
    ("ip_start", "ip_end"),
    ("ip_range_start", "ip_range_end"),
    ("range_start", "range_end"),
    ("ip_from", "ip_to"),
    ("first_ip", "last_ip"),
    ("start", "end"),
    ("network_start_ip", "network_last_ip"),
];

/// Replaces the content of `columns` with the columns of a line.
pub(super) fn split<'a>(line: &'a str, columns: &mut Vec<&'a str>) {
    columns.clear();
    let mut separator = None;
    let mut rest = Some(line.trim_end_matches('\r'));
    while let Some(text) = rest {
        let (column, after) = match text.trim_start_matches(' ').strip_prefix('"') {
            Some(quoted) => split_at_quote(quoted),
            None => text.split_at(text.find(|c| ends_column(c, separator)).unwrap_or(text.len())),
        };
        columns.push(column.trim());
        // Behind a closing quote there is nothing but the separator.
        rest = after.split_once(|c| ends_column(c, separator)).map(|(_, rest)| rest);
        separator = separator.or_else(|| after.chars().find(|c| SEPARATORS.contains(c)));
    }
}

fn ends_column(c: char, separator: Option<char>) -> bool {
    match separator {
        Some(separator) => c == separator,
        None => SEPARATORS.contains(&c),
    }
}

/// Splits text behind an opening quote at the closing one; two quotes within it stand for one.
fn split_at_quote(text: &str) -> (&str, &str) {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find('"')) {
        let at = from + found;
        match text.get(at + 1..) {
            Some(rest) if rest.starts_with('"') => from = at + 2,
            Some(rest) => return (text.get(..at).unwrap_or(""), rest),
            None => break,
        }
    }
    (text, "")
}

/// Where the network is in a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NetworkColumns {
    /// A prefix, in this column.
    Prefix(usize),
    /// The first and the last address, in these columns.
    Range(usize, usize),
}

impl NetworkColumns {
    /// Reads the network of a line, and reports the line if it has none.
    pub(super) fn read(self, columns: &[&str], line: &mut Line<'_, '_>) -> Option<AddressRange> {
        let column = |index: usize| columns.get(index).copied().unwrap_or("");
        match self {
            Self::Prefix(at) => read_prefix(column(at), line),
            Self::Range(first, last) => match AddressRange::parse(column(first), column(last)) {
                Ok(range) => Some(range),
                Err(error) => {
                    line.skipped(error.problem());
                    None
                }
            },
        }
    }
}

/// Reads the addresses of a prefix, and reports the line if it is none.
pub(super) fn read_prefix(text: &str, line: &mut Line<'_, '_>) -> Option<AddressRange> {
    let Ok((prefix, host_bits)) = Prefix::parse(text) else {
        line.skipped("not a network prefix, skipped");
        return None;
    };
    if host_bits == HostBits::WereSet {
        line.mended("prefix with host bits set, cleared");
    }
    Some(AddressRange::of(prefix))
}

/// The names of columns, as the first line of a table tells them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) networks: NetworkColumns,
    names: Vec<String>,
}

impl Header {
    /// Reads the columns of a line as names; `None` if none of them is that of networks.
    pub(super) fn of(columns: &[&str]) -> Option<Self> {
        let names: Vec<_> = columns.iter().map(|name| name.to_ascii_lowercase()).collect();
        let find = |wanted: &str| names.iter().position(|name| name == wanted);
        let range = RANGE
            .iter()
            .find_map(|(first, last)| Some(NetworkColumns::Range(find(first)?, find(last)?)));
        let prefix = || PREFIX.iter().find_map(|name| find(name)).map(NetworkColumns::Prefix);
        let networks = range.or_else(prefix)?;
        Some(Self { networks, names })
    }

    /// The first of the columns that has one of these names, which are in the order of preference.
    pub(super) fn find(&self, wanted: &[&str]) -> Option<usize> {
        wanted.iter().find_map(|wanted| self.names.iter().position(|name| name == wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_at_what_separates_them() {
        for (line, expected) in [
            ("1.0.0.0,1.0.0.255,AU", vec!["1.0.0.0", "1.0.0.255", "AU"]),
            (
                "1.0.0.0,1.0.0.255,13335,\"Cloudflare, Inc.\"\r",
                vec!["1.0.0.0", "1.0.0.255", "13335", "Cloudflare, Inc."],
            ),
            ("\"16777216\",\"16777471\",\"US\"", vec!["16777216", "16777471", "US"]),
            (" \"1\" , \"a\"\"b,\" ,c", vec!["1", "a\"\"b,", "c"]),
            ("1.0.0.0\t1.0.0.255\tNot, routed", vec!["1.0.0.0", "1.0.0.255", "Not, routed"]),
            ("1.0.0.0/24;AU;x,y", vec!["1.0.0.0/24", "AU", "x,y"]),
            ("\"a\"|\"b", vec!["a", "b"]),
            ("a,,", vec!["a", "", ""]),
            ("ä,\"ö\"", vec!["ä", "ö"]),
            ("", vec![""]),
        ] {
            let mut columns = vec!["left over"];
            split(line, &mut columns);
            assert_eq!(columns, expected, "{line}");
        }
    }

    #[test]
    fn a_line_of_names_says_where_networks_are() {
        let header = |line| {
            let mut columns = Vec::new();
            split(line, &mut columns);
            Header::of(&columns)
        };
        let ipinfo = header("network,country,country_code,asn").expect("a header");
        assert_eq!(ipinfo.networks, NetworkColumns::Prefix(0));
        assert_eq!(ipinfo.find(&["country_code", "country"]), Some(2));
        assert_eq!(ipinfo.find(&["nothing"]), None);
        let older = header("country;\"Start_IP\";end_ip").expect("a header");
        assert_eq!(older.networks, NetworkColumns::Range(1, 2));
        for line in ["1.0.0.0/24,AU", "start_ip,country", "", "country,continent"] {
            assert_eq!(header(line), None, "{line}");
        }
    }
}
