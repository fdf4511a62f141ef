//! Notices that a build has lost so much that it is more likely a fault than a change: a table that was cut
//! off while it was downloaded, or one that is missing.

use super::build::extent;
use super::table_file::Tables;
use model::net::Prefix;

/// The part of what was there that may be lost at once: one of so many.
const MAX_LOSS: u64 = 5;

/// What was lost to more than a fifth.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{n} of {of} {kind} with {table} are gone since the last build; if that is right, --allow-shrink \
     accepts it"
)]
pub struct Loss {
    /// Countries or AS numbers.
    table: &'static str,
    /// What was counted.
    kind: &'static str,
    /// How many are gone.
    n: u64,
    /// How many there were.
    of: u64,
}

/// Compares two builds: their networks of either family, and the IPv4 addresses in them.
pub fn find_loss(former: &Tables, now: &Tables) -> Option<Loss> {
    let countries =
        |tables: &Tables| counts(tables.countries.as_ref().map(|table| &table.networks));
    let systems = |tables: &Tables| counts(tables.systems.as_ref().map(|table| &table.networks));
    let lost = |table, before, now| find_excessive(table, before, now);
    lost("countries", countries(former), countries(now))
        .or_else(|| lost("AS numbers", systems(former), systems(now)))
}

/// What is counted of a table, each with its name.
type Counts = [(&'static str, u64); 3];

/// A table that there is not has nothing.
fn counts<T>(networks: Option<&Vec<(Prefix, T)>>) -> Counts {
    let prefixes = || networks.into_iter().flatten().map(|(prefix, _)| *prefix);
    let (n_addresses, n_ipv6) = extent(prefixes());
    let n_ipv4 = prefixes().count().saturating_sub(n_ipv6);
    [
        ("networks of IPv4", n_ipv4 as u64),
        ("networks of IPv6", n_ipv6 as u64),
        ("IPv4 addresses", n_addresses),
    ]
}

fn find_excessive(table: &'static str, former: Counts, now: Counts) -> Option<Loss> {
    let mut pairs = former.into_iter().zip(now);
    pairs.find_map(|((kind, of), (_, now))| {
        let n = of.saturating_sub(now);
        (n.saturating_mul(MAX_LOSS) > of).then_some(Loss { table, kind, n, of })
    })
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;
    use catalog::Report;

    /// Networks of 256 IPv4 addresses with a country, and some of IPv6 with an AS number.
    fn tables(n_countries: u32, n_systems: u32) -> Tables {
        let mut report = Report::default();
        let countries: String = (0..n_countries)
            .map(|n| format!("10.0.{n}.0/24,{}\n", ["DE", "FR"][n as usize % 2]))
            .collect();
        let systems: String = (1..=n_systems).map(|n| format!("2001:db8:{n}::/48 {n}\n")).collect();
        Tables {
            countries: table::countries("c", countries.as_bytes(), &mut report).ok(),
            systems: table::systems("s", systems.as_bytes(), &mut report).ok(),
        }
    }

    #[test]
    fn a_fifth_may_go_and_no_more() {
        let before = tables(100, 10);
        let found = |now: &Tables| {
            find_loss(&before, now).map(|Loss { table, kind, n, of }| (table, kind, n, of))
        };
        for (n_countries, n_systems) in [(100, 10), (80, 8), (200, 20)] {
            assert_eq!(found(&tables(n_countries, n_systems)), None);
        }
        assert_eq!(found(&tables(79, 10)), Some(("countries", "networks of IPv4", 21, 100)));
        assert_eq!(found(&tables(100, 7)), Some(("AS numbers", "networks of IPv6", 3, 10)));
        assert_eq!(found(&tables(100, 0)), Some(("AS numbers", "networks of IPv6", 10, 10)));
        assert_eq!(find_loss(&tables(0, 0), &before), None);
        let half = |text: &[u8]| Tables {
            countries: table::countries("c", text, &mut Report::default()).ok(),
            systems: None,
        };
        assert_eq!(
            find_loss(&half(b"10.0.0.0/8,DE\n"), &half(b"10.0.0.0/9,DE\n"))
                .map(|loss| loss.to_string())
                .as_deref(),
            Some(
                "8388608 of 16777216 IPv4 addresses with countries are gone since the last build; if that \
                 is right, --allow-shrink accepts it"
            )
        );
    }
}
