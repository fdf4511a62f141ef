//! The exposition: all metrics in the text format of OpenMetrics, which Prometheus reads.
//!
//! No state is kept between two scrapes: a collector reads the counters that the server keeps anyway, as
//! the rows of [`METRICS`] say.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::metric::{AddValue, Metric, Scrape, Values};
use super::metric_table::METRICS;
use super::state::{AdminState, Surface};
use crate::metrics::histogram::Totals;

/// The media type.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The last line of an exposition.
const END: &str = "# EOF\n";

/// Writes all metrics; `of_parts` are those of further parts, written already.
pub(super) fn render(state: &Arc<AdminState>, of_parts: &str) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Reader(Arc::clone(state))));
    let mut out = String::with_capacity(16 * 1024 + of_parts.len());
    text::encode(&mut out, &registry)?;
    let own = out.strip_suffix(END).map_or(out.len(), str::len);
    out.insert_str(own, of_parts);
    Ok(out)
}

/// Reads the counters when it is asked to.
struct Reader(Arc<AdminState>);

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

impl Collector for Reader {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut writer = Writer(encoder);
        let scrape = Scrape::new(&self.0);
        let is_server = self.0.surface == Surface::OperatorOfServer;
        let is_shown = |metric: &&Metric| is_server || metric.is_of_any_process();
        METRICS.iter().filter(is_shown).try_for_each(|metric| writer.write(metric, &scrape))
    }
}

/// Writes metrics.
struct Writer<'e>(DescriptorEncoder<'e>);

impl Writer<'_> {
    fn write(&mut self, metric: &Metric, scrape: &Scrape<'_>) -> fmt::Result {
        match metric.values {
            Values::Counter(read) => self.counter(metric, read(scrape)),
            Values::SecondsCounter(read) => {
                read(scrape).map_or(Ok(()), |value| self.counter(metric, value))
            }
            Values::Gauge(read) => read(scrape).map_or(Ok(()), |value| self.gauge(metric, value)),
            Values::SignedGauge(read) => {
                read(scrape).map_or(Ok(()), |value| self.gauge(metric, value))
            }
            Values::SecondsGauge(read) => {
                read(scrape).map_or(Ok(()), |value| self.gauge(metric, value))
            }
            Values::Counters(read) => {
                let encode = |mut encoder: MetricEncoder<'_>, n: u64| {
                    encoder.encode_counter::<NoLabelSet, _, f64>(&n, None)
                };
                self.family(metric, MetricType::Counter, encode, |add| read(scrape, add))
            }
            Values::Gauges(read) => {
                let encode = |mut encoder: MetricEncoder<'_>, n: u64| encoder.encode_gauge(&n);
                self.family(metric, MetricType::Gauge, encode, |add| read(scrape, add))
            }
            Values::Histogram(read) => self.histogram(metric, &read(scrape)),
            Values::Info(read) => read(scrape).map_or(Ok(()), |values| self.info(metric, &values)),
        }
    }

    fn counter(&mut self, metric: &Metric, value: impl EncodeCounterValue) -> fmt::Result {
        self.0
            .encode_descriptor(metric.name, metric.help, None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, f64>(&value, None)
    }

    fn gauge(&mut self, metric: &Metric, value: impl EncodeGaugeValue) -> fmt::Result {
        self.0
            .encode_descriptor(metric.name, metric.help, None, MetricType::Gauge)?
            .encode_gauge(&value)
    }

    /// Writes the values that `read` adds; without any, the metric is left out.
    fn family(
        &mut self,
        metric: &Metric,
        kind: MetricType,
        encode: fn(MetricEncoder<'_>, u64) -> fmt::Result,
        read: impl FnOnce(&mut AddValue<'_>),
    ) -> fmt::Result {
        let mut encoder = Some(&mut self.0);
        let mut family = None;
        let mut outcome = Ok(());
        let mut add = |values: &[&str], n| -> fmt::Result {
            if let Some(encoder) = encoder.take() {
                family = Some(encoder.encode_descriptor(metric.name, metric.help, None, kind)?);
            }
            let Some(family) = &mut family else { return Ok(()) };
            let keys = metric.labels.iter().map(|label| label.key);
            let labels: Vec<_> = keys.zip(values.iter().copied()).collect();
            encode(family.encode_family(&labels)?, n)
        };
        read(&mut |values, n| {
            if outcome.is_ok() {
                outcome = add(values, n);
            }
        });
        outcome
    }

    fn histogram(&mut self, metric: &Metric, totals: &Totals) -> fmt::Result {
        let buckets: Vec<(f64, u64)> = totals
            .powers()
            .map(|(end, n)| (end.map_or(f64::INFINITY, |end| end.as_secs_f64()), n))
            .collect();
        self.0
            .encode_descriptor(metric.name, metric.help, None, MetricType::Histogram)?
            .encode_histogram::<NoLabelSet>(
                totals.sum().as_secs_f64(),
                totals.count(),
                &buckets,
                None,
            )
    }

    fn info(&mut self, metric: &Metric, values: &[String]) -> fmt::Result {
        let keys = metric.labels.iter().map(|label| label.key);
        let labels: Vec<_> = keys.zip(values.iter().map(String::as_str)).collect();
        self.0
            .encode_descriptor(metric.name, metric.help, None, MetricType::Info)?
            .encode_info(&labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_the_first_load_there_are_no_metrics_of_loads_and_data() {
        let text = render(&Arc::new(AdminState::for_tests()), "").expect("it can be written");
        let of_data = ["snapshot", "data", "last_load", "published"];
        let is_of_data = |metric: &&Metric| {
            let name = metric.name.trim_start_matches("mirrorlistd_");
            of_data.iter().any(|word| name.starts_with(word))
        };
        assert_eq!(METRICS.iter().filter(is_of_data).count(), 11);
        for metric in METRICS {
            // No files are watched, either.
            let is_absent = is_of_data(&metric) || metric.name.starts_with("mirrorlistd_watch_");
            let help = format!("# HELP {} ", metric.name);
            assert_eq!(text.contains(&help), !is_absent, "{}: {text}", metric.name);
        }
    }
}
