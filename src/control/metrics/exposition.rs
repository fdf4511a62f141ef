//! The text format of OpenMetrics.

use std::fmt::Write as _;
use std::time::Duration;

use tasks::numbers::Histogram;

/// An exposition that is being written.
#[derive(Default)]
pub(super) struct Exposition {
    text: String,
    /// The metric whose samples are written: its name, and the lines before its first sample.
    name: &'static str,
    head: Option<String>,
}

/// The labels of a sample: names and values.
pub(super) type Labels<'l> = [(&'static str, &'l str)];

impl Exposition {
    /// Begins a metric. Without a sample, nothing of it is written.
    pub(super) fn begin(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        self.head = Some(format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// A sample of a gauge.
    pub(super) fn gauge(&mut self, labels: &Labels<'_>, value: f64) {
        self.sample("", labels, None, &number(value));
    }

    /// A sample of a counter.
    pub(super) fn counter(&mut self, labels: &Labels<'_>, value: u64) {
        self.sample("_total", labels, None, &value.to_string());
    }

    /// A sample of a counter of seconds.
    pub(super) fn seconds_counter(&mut self, value: Duration) {
        self.sample("_total", &[], None, &number(value.as_secs_f64()));
    }

    /// The samples of a histogram.
    pub(super) fn histogram(&mut self, labels: &Labels<'_>, histogram: &Histogram) {
        let mut count = 0;
        for (end, n) in histogram.buckets() {
            count += n;
            let end = end.map_or("+Inf".to_owned(), |end| number(end.as_secs_f64()));
            self.sample("_bucket", labels, Some(&end), &count.to_string());
        }
        // Not the histogram's own count: it may have grown since.
        self.sample("_count", labels, None, &count.to_string());
        self.sample("_sum", labels, None, &number(histogram.sum().as_secs_f64()));
    }

    /// What was written.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn sample(&mut self, suffix: &str, labels: &Labels<'_>, end: Option<&str>, value: &str) {
        self.text.extend(self.head.take());
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        let labels = labels.iter().copied().chain(end.map(|end| ("le", end)));
        let mut separator = '{';
        for (key, label) in labels {
            self.text.push(separator);
            separator = ',';
            self.text.push_str(key);
            self.text.push_str("=\"");
            for character in label.chars() {
                match character {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    other => self.text.push(other),
                }
            }
            self.text.push('"');
        }
        if separator == ',' {
            self.text.push('}');
        }
        // Writing to a text cannot fail.
        let _ = writeln!(self.text, " {value}");
    }
}

/// A number in its shortest form.
fn number(value: f64) -> String {
    // Below zero and beyond numbers there is nothing here.
    let value = if value.is_finite() { value } else { 0.0 };
    format!("{value:?}")
}

/// Seconds with their fraction.
pub(super) fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_empty_metrics_are_left_out() {
        let mut out = Exposition::default();
        out.begin("none", "gauge", "Nothing");
        out.begin("some", "counter", "Something");
        out.counter(&[("a", "x\"\\\ny"), ("b", "")], 7);
        out.counter(&[], 8);
        out.begin("more", "gauge", "More");
        out.gauge(&[("a", "b")], 0.5);
        out.gauge(&[], 3.0);
        assert_eq!(
            out.into_text(),
            "# HELP some Something\n# TYPE some counter\nsome_total{a=\"x\\\"\\\\\\ny\",b=\"\"} 7\n\
             some_total 8\n# HELP more More\n# TYPE more gauge\nmore{a=\"b\"} 0.5\nmore 3.0\n"
        );
    }
}
