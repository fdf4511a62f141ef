//! Makes disjoint ranges of those of tables, which may overlap.
//!
//! Of several ranges that hold an address, that of the first table counts; within one table the
//! narrowest, and of equally wide ones the last. So later tables fill the gaps of the earlier ones, and a
//! network within a wider one may say something else, as in every table of networks.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::address_range::AddressRange;
use super::limit::{self, TooManyNetworks};
use catalog::{Origin, Report};
use model::net::Prefix;

/// What a table says of a range.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) range: AddressRange,
    /// The place of the table among all tables, from 0.
    pub(super) table: u32,
    /// The place in the table, such as the number of the line.
    pub(super) line: u64,
    /// What is said, as an index of the caller's.
    pub(super) value: u32,
}

/// A claim, ordered so that the greatest one counts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    precedence: (Reverse<u32>, Reverse<u128>, u64),
    /// What is left of it.
    range: AddressRange,
    value: u32,
}

impl Standing {
    fn of(Claim { range, table, line, value }: Claim) -> Self {
        Self { precedence: (Reverse(table), Reverse(range.width()), line), range, value }
    }
}

/// What holds for which addresses: disjoint ranges in order. Neighbours with the same value are joined.
fn resolve(mut claims: Vec<Claim>) -> Vec<(AddressRange, u32)> {
    claims.sort_unstable_by_key(|claim| (claim.range, claim.table, claim.line));
    let mut resolved: Vec<(AddressRange, u32)> = Vec::with_capacity(claims.len());
    let mut open: BinaryHeap<Standing> = BinaryHeap::new();
    let mut done: Option<AddressRange> = None;
    let mut claims = claims.into_iter().peekable();
    loop {
        let Some(best) = open.pop() else {
            let Some(claim) = claims.next() else { break };
            open.push(Standing::of(claim));
            continue;
        };
        let left = done.map_or(Some(best.range), |done| best.range.part_after(done));
        let Some(range) = left else { continue };
        if let Some(claim) = claims.next_if(|claim| !range.begins_before(claim.range)) {
            open.push(Standing { range, ..best });
            open.push(Standing::of(claim));
            continue;
        }
        let before = claims.peek().and_then(|next| range.part_before(next.range));
        let part = before.unwrap_or(range);
        push_joined(&mut resolved, part, best.value);
        done = Some(part);
        if let Some(range) = range.part_after(part) {
            open.push(Standing { range, ..best });
        }
    }
    resolved
}

/// The same as prefixes. Fails if there are too many.
pub(super) fn networks(claims: Vec<Claim>) -> Result<Vec<(Prefix, u32)>, TooManyNetworks> {
    let mut networks = Vec::with_capacity(claims.len());
    for (range, value) in resolve(claims) {
        networks.extend(range.prefixes().map(|prefix| (prefix, value)));
        limit::check(networks.len())?;
    }
    Ok(networks)
}

fn push_joined(resolved: &mut Vec<(AddressRange, u32)>, range: AddressRange, value: u32) {
    if let Some((last, of_last)) = resolved.last_mut()
        && *of_last == value
        && let Some(joined) = last.joined(range)
    {
        *last = joined;
        return;
    }
    resolved.push((range, value));
}

/// The prefixes of one table, of which the longest counts, and of equal ones the last. Where all ranges are
/// within each other or apart, so are their prefixes, and none is split. Fails if there are too many.
pub(super) fn nested_networks(
    mut claims: Vec<Claim>,
) -> Result<Vec<(Prefix, u32)>, TooManyNetworks> {
    claims.sort_unstable_by(wider_first);
    let mut networks = Vec::with_capacity(claims.len());
    for group in claims.chunk_by(connected()) {
        if is_nested(group) {
            // A narrower range comes later, so its prefixes count, also where the wider one has them too.
            for claim in group {
                networks.extend(claim.range.prefixes().map(|prefix| (prefix, claim.value)));
                limit::check(networks.len())?;
            }
        } else {
            networks.extend(self::networks(group.to_vec())?);
            limit::check(networks.len())?;
        }
    }
    Ok(networks)
}

/// By the first address, the wider one first, then by line.
fn wider_first(a: &Claim, b: &Claim) -> Ordering {
    match (a.range.begins_before(b.range), b.range.begins_before(a.range)) {
        (true, _) => Ordering::Less,
        (_, true) => Ordering::Greater,
        _ => b.range.width().cmp(&a.range.width()).then(a.line.cmp(&b.line)),
    }
}

/// Whether the next claim in order begins within one of its group. It is called for each pair once, in order.
fn connected() -> impl FnMut(&Claim, &Claim) -> bool {
    let mut end: Option<AddressRange> = None;
    move |before, next| {
        // Of the group, the range that ends last.
        let ends_last = match end {
            Some(end) if before.range.part_after(end).is_none() => end,
            _ => before.range,
        };
        let is_connected = ends_last.reaches(next.range);
        end = is_connected.then_some(ends_last);
        is_connected
    }
}

/// Whether no two claims overlap in part. They are in order.
fn is_nested(claims: &[Claim]) -> bool {
    let mut around: Vec<AddressRange> = Vec::new();
    claims.iter().all(|claim| {
        while around.pop_if(|outer| !outer.reaches(claim.range)).is_some() {}
        let is_within = around.last().is_none_or(|outer| outer.covers(claim.range));
        around.push(claim.range);
        is_within
    })
}

/// Reports the ranges of one table that contradict each other: equal ones with different values, and those
/// that overlap with another value without one being within the other.
pub(super) fn report_contradictions(file: &str, claims: &[Claim], report: &mut Report) {
    let mut sorted: Vec<&Claim> = claims.iter().collect();
    sorted.sort_unstable_by(|a, b| wider_first(a, b));
    let mut around: Vec<&Claim> = Vec::new();
    for claim in sorted {
        while around.pop_if(|outer| !outer.range.reaches(claim.range)).is_some() {}
        if let Some(outer) = around.last().filter(|outer| outer.value != claim.value) {
            let problem = if outer.range == claim.range {
                Some("range occurs twice, the last counts")
            } else if outer.range.covers(claim.range) {
                None
            } else if outer.range.width() == claim.range.width() {
                Some("range overlaps another as wide in part, the last counts")
            } else {
                Some("range overlaps another in part, the narrower counts")
            };
            if let Some(problem) = problem {
                report.mended(&Origin::line(file, claim.line), problem, claim.range);
            }
        }
        around.push(claim);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(first: u8, last: u8) -> AddressRange {
        let address = |low| format!("192.0.2.{low}");
        AddressRange::parse(&address(first), &address(last)).expect("a range")
    }

    #[test]
    fn contradictions_are_reported_and_narrower_networks_are_none() {
        let claims: Vec<_> =
            [(0, 255, 1), (0, 9, 2), (5, 12, 3), (30, 39, 4), (30, 39, 4), (30, 39, 5)]
                .into_iter()
                .chain([(40, 49, 6), (45, 60, 6), (70, 79, 7), (75, 84, 8)])
                .zip(1..)
                .map(|((first, last, value), line)| Claim {
                    range: range(first, last),
                    table: 0,
                    line,
                    value,
                })
                .collect();
        let mut report = Report::default();
        report_contradictions("c.csv", &claims, &mut report);
        assert_eq!(
            report.lines(),
            [
                "c.csv:3: range overlaps another in part, the narrower counts: 192.0.2.5-192.0.2.12",
                "c.csv:6: range occurs twice, the last counts: 192.0.2.30-192.0.2.39",
                "c.csv:10: range overlaps another as wide in part, the last counts: 192.0.2.75-192.0.2.84",
            ]
        );
    }

    proptest! {
        #[test]
        fn nested_networks_say_what_the_rule_says(
            lines in prop::collection::vec((any::<u8>(), any::<u8>(), 0_u32..3), 0..20),
        ) {
            let claims: Vec<_> = lines.iter().zip(0..).map(|(&(a, b, value), line)| {
                Claim { range: range(a.min(b), a.max(b)), table: 0, line, value }
            }).collect();
            let networks = nested_networks(claims.clone()).expect("few networks");
            for low in 0..=u8::MAX {
                let address = range(low, low);
                let holds = claims.iter().filter(|claim| claim.range.covers(address));
                let best = holds.min_by_key(|claim| (claim.range.width(), Reverse(claim.line)));
                let around =
                    networks.iter().filter(|(prefix, _)| AddressRange::of(*prefix).covers(address));
                let found = around.max_by_key(|(prefix, _)| prefix.len());
                prop_assert_eq!(found.map(|(_, value)| *value), best.map(|claim| claim.value));
            }
        }

        /// Slow twin: each address by itself, among all claims.
        #[test]
        fn each_address_gets_what_the_rule_says(
            lines in prop::collection::vec((any::<u8>(), any::<u8>(), 0_u32..3, 0_u32..3), 0..20),
        ) {
            let claims: Vec<_> = lines.iter().zip(0..).map(|(&(a, b, table, value), line)| {
                Claim { range: range(a.min(b), a.max(b)), table, line, value }
            }).collect();
            let resolved = resolve(claims.clone());
            for low in 0..=u8::MAX {
                let address = range(low, low);
                let holds = claims.iter().filter(|claim| claim.range.covers(address));
                let best = holds.min_by_key(|claim| {
                    (claim.table, claim.range.width(), Reverse(claim.line))
                });
                let mut found = resolved.iter().filter(|(range, _)| range.covers(address));
                prop_assert_eq!(found.next().map(|(_, value)| *value), best.map(|claim| claim.value));
                prop_assert!(found.next().is_none(), "the ranges are disjoint");
            }
            for pair in resolved.windows(2) {
                prop_assert!(pair[0].0.begins_before(pair[1].0));
                prop_assert!(pair[0].1 != pair[1].1 || pair[0].0.joined(pair[1].0).is_none());
            }
        }
    }
}
