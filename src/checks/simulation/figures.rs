//! What was measured, and what is wanted.

use std::collections::BTreeMap;

/// Figures in minutes, or other numbers.
#[derive(Default)]
pub(super) struct Figures {
    values: BTreeMap<&'static str, Vec<u64>>,
    /// Examples of what must not happen.
    examples: Vec<String>,
}

impl Figures {
    pub(super) fn add(&mut self, name: &'static str, value: u64) {
        self.values.entry(name).or_default().push(value);
    }

    /// Something that must not happen.
    pub(super) fn add_fault(&mut self, name: &'static str, example: String) {
        self.add(name, 1);
        self.add_example(name, example);
    }

    /// A figure that is not as it should be: what there was.
    pub(super) fn add_example(&mut self, name: &'static str, example: String) {
        let known = self.examples.iter().filter(|known| known.starts_with(name)).count();
        if known < 6 {
            self.examples.push(format!("{name}: {example}"));
        }
    }

    fn n(&self, name: &str) -> usize {
        self.values.get(name).map_or(0, Vec::len)
    }

    fn worst(&self, name: &str) -> u64 {
        self.values.get(name).and_then(|values| values.iter().max()).copied().unwrap_or(0)
    }

    /// Prints the table, and says which figures are missed: each has a name, the least number of values, and what the
    /// worst one may be.
    #[allow(clippy::print_stdout, reason = "the table is what the simulation is for")]
    pub(super) fn check(
        &mut self,
        title: &str,
        wanted: &[(&'static str, usize, u64)],
    ) -> Vec<String> {
        println!("\n{title:50} {:>8} {:>6} {:>6} {:>6}", "number", "mean", "99 %", "worst");
        for (name, values) in &mut self.values {
            values.sort_unstable();
            let n = values.len();
            let mean = values.iter().sum::<u64>() / n as u64;
            let (most_of_them, worst) = (values[(n - 1) * 99 / 100], values[n - 1]);
            println!("{name:50} {n:>8} {mean:>6} {most_of_them:>6} {worst:>6}");
        }
        for example in &self.examples {
            println!("{example}");
        }
        let is_missed = |&&(name, least, most): &&(&str, usize, u64)| {
            self.n(name) < least || self.worst(name) > most
        };
        let missed = wanted.iter().filter(is_missed);
        missed.map(|(name, ..)| format!("{title}: {name}")).collect()
    }
}
