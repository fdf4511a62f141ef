//! The form that runs a task, made from what its kind takes, and the arguments that it means.

use askama::Template;
use serde_json::Value;
use serve::pages::layout::PageLayout;
use tasks::kind::{Parameter, Values};
use tasks::{Args, Kind, Kinds};

use super::display::{Shown, coarse};
use super::fields::Fields;
use super::frame::{Frame, new_request_id};

/// What stands before the name of an argument, so that no argument collides with a field of the form.
const PREFIX: &str = "arg.";

/// What the page is made of.
pub(super) struct RunData<'d> {
    /// The kinds that are known here.
    pub(super) kinds: &'d Kinds,
    /// What was filled in.
    pub(super) fields: &'d Fields,
    /// Why it was not accepted.
    pub(super) refused: Option<String>,
}

/// The values for the template, which escapes text.
#[derive(Template)]
#[template(path = "run.html")]
struct RunPage<'d> {
    layout: PageLayout,
    frame: Frame,
    refused: Option<Shown>,
    kinds: Vec<KindRow>,
    form: Option<FormView<'d>>,
    request_id: String,
}

struct KindRow {
    name: &'static str,
    about: &'static str,
    queue: &'static str,
    keep: String,
}

struct FormView<'d> {
    kind: KindRow,
    inputs: Vec<Input<'d>>,
}

/// A field of the form.
struct Input<'d> {
    name: String,
    label: &'static str,
    about: &'static str,
    is_required: bool,
    value: &'d str,
    values: Values,
}

/// Renders the page.
pub(super) fn render(
    data: &RunData<'_>,
    frame: Frame,
    layout: PageLayout,
) -> askama::Result<String> {
    let chosen = data.kinds.find(data.fields.get("kind"));
    let input = |parameter: &Parameter| {
        let name = format!("{PREFIX}{}", parameter.name);
        Input {
            label: parameter.name,
            about: parameter.about,
            is_required: parameter.is_required,
            value: data
                .fields
                .iter()
                .find(|(known, _)| *known == name)
                .map_or("", |(_, value)| value),
            values: parameter.values,
            name,
        }
    };
    let form = chosen.map(|kind| FormView {
        kind: kind_row(&**kind),
        inputs: kind.parameters().iter().map(input).collect(),
    });
    let page = RunPage {
        layout,
        frame,
        refused: data.refused.as_deref().map(Shown::line),
        kinds: data.kinds.iter().map(|kind| kind_row(&**kind)).collect(),
        form,
        request_id: new_request_id(),
    };
    page.render()
}

fn kind_row(kind: &dyn Kind) -> KindRow {
    let policy = kind.policy();
    let keep = i64::try_from(policy.keep.as_millis()).unwrap_or(i64::MAX);
    KindRow { name: kind.name(), about: kind.about(), queue: policy.queue, keep: coarse(keep) }
}

/// The arguments that a filled form means. A field that is left empty is no argument. What does not fit is
/// left to the check of the kind.
pub(super) fn args(kind: &dyn Kind, fields: &Fields) -> Args {
    let mut args = Args::new();
    for (name, text) in fields.iter() {
        let Some(name) = name.strip_prefix(PREFIX) else { continue };
        let parameter = kind.parameters().iter().find(|parameter| parameter.name == name);
        let value = match parameter.map(|parameter| parameter.values) {
            Some(Values::Number { .. }) => {
                text.parse::<i64>().map_or_else(|_| text.into(), Value::from)
            }
            Some(Values::Switch) => match text {
                "true" | "on" => true.into(),
                "false" => false.into(),
                other => other.into(),
            },
            Some(Values::Text) | None => text.into(),
        };
        args.insert(name.to_owned(), value);
    }
    args
}
