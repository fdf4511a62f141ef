//! As much of Prometheus' query language as it takes to find the metrics and labels in an expression.

tests! {
    metrics_and_labels_are_found,
}

/// A metric and the labels that are asked of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Use {
    pub metric: String,
    pub labels: Vec<String>,
    /// Labels and values that have to be equal.
    pub values: Vec<(String, String)>,
}

/// Every metric in an expression. Labels of an aggregation count for each metric in it.
pub fn uses(expression: &str) -> Vec<Use> {
    let grouping = grouping(expression).unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut uses = Vec::new();
    let mut rest = expression;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let end = rest[1..].find('"').map_or(rest.len(), |at| at + 2);
            rest = &rest[end..];
            continue;
        }
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if is_metric(name) && !is_name(before) {
            let (labels, values) = selector(after);
            let labels = labels.into_iter().chain(grouping.clone()).collect();
            uses.push(Use { metric: name.to_owned(), labels, values });
        }
        before = name.chars().last().unwrap_or(first);
        rest = if name.is_empty() { &rest[first.len_utf8()..] } else { after };
    }
    uses
}

/// Ours, those of processes, and Prometheus' own.
fn is_metric(name: &str) -> bool {
    name == "up" || ["mirrorlistd_", "process_"].iter().any(|prefix| name.starts_with(prefix))
}

/// The labels and values of `{a="b", c=~"d"}`, where a metric's name is followed by that.
fn selector(after: &str) -> (Vec<String>, Vec<(String, String)>) {
    let mut labels = Vec::new();
    let mut values = Vec::new();
    let Some(inner) = after.strip_prefix('{').and_then(|rest| rest.split('}').next()) else {
        return (labels, values);
    };
    for matcher in inner.split(',') {
        let (label, rest) = matcher.trim().split_once(['=', '!']).expect(matcher);
        labels.push(label.to_owned());
        if let Some(value) = rest.strip_prefix('"') {
            values.push((label.to_owned(), value.trim_end_matches('"').to_owned()));
        }
    }
    (labels, values)
}

/// The labels of every `by (…)`; `le` is what histogram_quantile uses up.
pub fn grouping(expression: &str) -> Option<Vec<String>> {
    let groups = expression.split(" by (").skip(1);
    let labels = groups.map(|rest| rest.split(')').next().unwrap_or_default());
    let labels = labels.flat_map(|list| list.split(',')).map(|label| label.trim().to_owned());
    let labels: Vec<String> = labels.collect();
    (!labels.is_empty()).then_some(labels)
}

fn metrics_and_labels_are_found() {
    let expression = "sum by (a) (rate(mirrorlistd_x_total{b=\"up\", c=~\"d\"}[5m])) / up > 1";
    let text = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        uses(expression),
        [
            Use {
                metric: "mirrorlistd_x_total".into(),
                labels: text(&["b", "c", "a"]),
                values: vec![("b".into(), "up".into())],
            },
            Use { metric: "up".into(), labels: text(&["a"]), values: vec![] },
        ]
    );
    assert_eq!(uses("count(startup)"), []);
}
