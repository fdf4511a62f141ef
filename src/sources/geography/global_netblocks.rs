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
//! of length 0 is reported and skipped, as the reference ignores it.
//!
//! Of prefixes the longest counts, of equal ones the last. Ranges may overlap in part: the narrower one
//! counts, as in tables of countries (`overlaps`), and what contradicts is reported.

use std::net::IpAddr;
use std::ops::ControlFlow;

use super::address_range::{AddressRange, BadRange};
use rustc_hash::FxHashMap;

use super::as_numbers::AsNumbers;
use super::columns::{Header, NetworkColumns, read_prefix, split};
use super::limit::{self, TooManyNetworks};
use super::lines::{Line, for_each_line};
use super::overlaps::{self, Claim};
use catalog::Report;
use catalog::geography::{AsNetworks, Owner};
use model::asn::AS_TRANS;
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
        ControlFlow::Continue(()) if reader.n_claims() == 0 => Err(BadText::NoLine),
        ControlFlow::Continue(()) => reader.finish(file, report),
    }
}

/// What was read, and how to read the next line.
#[derive(Default)]
struct Reader<'a> {
    /// Networks that are written as prefixes.
    table: AsNetworks,
    /// Their lines.
    lines: Vec<u32>,
    /// What is written as ranges.
    ranges: Vec<Claim>,
    owners: Owners,
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
            self.push_network(prefix, Owner::As(asn), line.number);
        } else if line.text.trim().is_empty() {
            line.skipped("blank line, skipped");
        } else if line.is_comment() {
            return Ok(());
        } else if let Some((networks, at)) = self.named {
            split(line.text, &mut self.columns);
            let column = self.columns.get(at).copied().unwrap_or("");
            if let Some(range) = networks.read(&self.columns, line) {
                let is_prefix = matches!(networks, NetworkColumns::Prefix(_));
                self.push(range, is_prefix, column, line);
            }
        } else {
            let is_first = !std::mem::replace(&mut self.is_begun, true);
            if is_first && self.read_header(line.text)? {
                return Ok(());
            }
            self.read_columns(line);
        }
        Ok(limit::check(self.n_claims())?)
    }

    fn n_claims(&self) -> usize {
        self.table.len() + self.ranges.len()
    }

    fn push_network(&mut self, prefix: Prefix, owner: Owner, line: u64) {
        self.table.networks.push((prefix, owner));
        self.lines.push(u32::try_from(line).unwrap_or(u32::MAX));
    }

    /// The table. Of prefixes the longest counts, which needs no more work. Ranges may overlap in part, so
    /// they are resolved, with the prefixes among them.
    fn finish(self, file: &str, report: &mut Report) -> Result<AsNetworks, BadText> {
        let Self { mut table, lines, ranges: mut claims, mut owners, .. } = self;
        if claims.is_empty() {
            return Ok(table);
        }
        let networks = std::mem::take(&mut table.networks);
        claims.reserve_exact(networks.len());
        let mut numbers = Vec::new();
        for ((prefix, owner), line) in networks.into_iter().zip(lines) {
            numbers.clear();
            let _: Option<()> = table.find_map(owner, |number| {
                numbers.push(number);
                None
            });
            let value = owners.index(&numbers, owner);
            let range = AddressRange::of(prefix);
            claims.push(Claim { range, table: 0, line: line.into(), value });
        }
        overlaps::report_contradictions(file, &claims, report);
        let networks = overlaps::nested_networks(claims)?.into_iter();
        let owned = networks.filter_map(|(prefix, value)| Some((prefix, owners.get(value)?)));
        table.networks = owned.collect();
        Ok(table)
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
        let (range, column, is_prefix) = if first.contains('/') {
            (read_prefix(first, line), second, true)
        } else if second.contains('/') && !AsNumbers::parse(first).numbers.is_empty() {
            (read_prefix(second, line), first, true)
        } else if first.parse::<IpAddr>().is_ok() && is_length(second) && !third.is_empty() {
            (read_prefix(&format!("{first}/{second}"), line), third, true)
        } else {
            (read_range(first, second, line), third, false)
        };
        if let Some(range) = range {
            self.push(range, is_prefix, column, line);
        }
    }

    /// Adds a range, if the column of numbers says something.
    fn push(
        &mut self,
        range: AddressRange,
        is_prefix: bool,
        column: &str,
        line: &mut Line<'_, '_>,
    ) {
        if column.is_empty() {
            return line.skipped(NO_ASN);
        }
        let asns = AsNumbers::parse(column);
        let nobody = asns.is_nobody.then_some(Owner::Nobody);
        let Some(owner) = self.table.owner(&asns.numbers).or(nobody) else {
            return line.skipped("names no AS number and hides no wider network, skipped");
        };
        let Some(first) = range.prefixes().next().filter(|prefix| prefix.len() > 0) else {
            return line.skipped("network of all addresses, skipped");
        };
        if asns.has_others {
            line.mended("part of the ASN column is no AS number, left out");
        }
        if is_prefix {
            self.push_network(first, owner, line.number);
        } else {
            let value = self.owners.index(&asns.numbers, owner);
            self.ranges.push(Claim { range, table: 0, line: line.number, value });
        }
    }
}

/// The owners of ranges. Equal numbers have equal indices.
#[derive(Default)]
struct Owners {
    all: Vec<Owner>,
    known: FxHashMap<Vec<u32>, u32>,
}

impl Owners {
    /// The index of an owner with these numbers.
    fn index(&mut self, numbers: &[u32], owner: Owner) -> u32 {
        if let Some(index) = self.known.get(numbers) {
            return *index;
        }
        // There are fewer owners than networks, and fewer of those than 2^32.
        let index = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(owner);
        self.known.insert(numbers.to_vec(), index);
        index
    }

    fn get(&self, index: u32) -> Option<Owner> {
        self.all.get(index as usize).copied()
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

#[cfg(test)]
mod tests;
