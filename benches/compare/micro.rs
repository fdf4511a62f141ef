//! The figures of the micro benches: runs them and reads divan's table.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Result;
use crate::process::{command, run};

/// What a micro bench has shown.
#[derive(Clone, Copy, Default)]
pub(crate) struct Figure {
    /// Median time of an iteration, in nanoseconds.
    pub(crate) nanoseconds: f64,
    /// Heap blocks that an iteration allocates on average.
    pub(crate) allocations: f64,
    /// Heap blocks that it makes larger.
    pub(crate) growths: f64,
}

/// Figures by name, such as `render/metalink_28_kb`, with the table as divan printed it.
pub(crate) fn measure(seconds: f64) -> Result<(BTreeMap<String, Figure>, String)> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut bench = command(cargo);
    bench.args(["bench", "--quiet", "--bench", "micro", "--"]);
    bench.args(["--color", "never", "--max-time", &seconds.to_string()]);
    let table = run(&mut bench, Duration::from_secs(900))?;
    let figures = parse(&table);
    if figures.is_empty() {
        Err("the micro benches printed nothing".into())
    } else {
        Ok((figures, table))
    }
}

/// What the rows after a bench's own row count.
#[derive(Clone, Copy, PartialEq)]
enum Counting {
    Allocations,
    Growths,
    Other,
}

fn parse(table: &str) -> BTreeMap<String, Figure> {
    let mut figures = BTreeMap::new();
    let mut path: Vec<String> = Vec::new();
    let mut counting = Counting::Other;
    for line in table.lines() {
        let is_tree = |c: char| "│├╰─ ".contains(c);
        let indent = line.chars().take_while(|&c| is_tree(c)).count();
        let columns: Vec<&str> =
            line.trim_start_matches(is_tree).split('│').map(str::trim).collect();
        let (Some(&first), Some(median), Some(mean)) =
            (columns.first(), columns.get(2), columns.get(3))
        else {
            continue;
        };
        if first.ends_with(':') {
            counting = match first {
                "alloc:" => Counting::Allocations,
                "grow:" => Counting::Growths,
                _ => Counting::Other,
            };
        } else if line.contains("├─") || line.contains("╰─") {
            counting = Counting::Other;
            path.truncate((indent / 3).saturating_sub(1));
            path.push(first.split_ascii_whitespace().next().unwrap_or_default().to_owned());
            if let Some(nanoseconds) = parse_time(median) {
                figures.insert(path.join("/"), Figure { nanoseconds, ..Figure::default() });
            }
        } else if let (Some(figure), Ok(count)) = (figures.get_mut(&path.join("/")), mean.parse()) {
            // The row of bytes that follows holds a unit, and so is no number.
            match counting {
                Counting::Allocations => figure.allocations = count,
                Counting::Growths => figure.growths = count,
                Counting::Other => {}
            }
        }
    }
    figures
}

/// `1.216 µs` in nanoseconds.
fn parse_time(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once(' ')?;
    let factor = match unit {
        "ps" => 1e-3,
        "ns" => 1.0,
        "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}
