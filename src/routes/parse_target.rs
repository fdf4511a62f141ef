//! Reading the target of a route.

use model::base_url::{Redacted, authority};

use super::fault::Problem;
use super::read_value::{as_list, as_text};
use super::scope::Scope;
use super::target::TargetTemplate;
use super::template::Template;
use super::written::Value;

/// The keys of targets, for messages.
const TARGETS: &str = "repo with arch, path, category or url";

/// Reads a target. Problems are reported with their key; then the result is `None`.
pub(crate) fn read_target(
    written: &[(String, Value)],
    scope: &Scope<'_>,
    report: &mut impl FnMut(&str, Problem),
) -> Option<TargetTemplate> {
    let mut repo = None;
    let mut arch = None;
    let mut whole = None;
    for (index, (key, value)) in written.iter().enumerate() {
        if written.iter().take(index).any(|(known, _)| known == key) {
            report(key, Problem::KeyTwice);
            return None;
        }
        let one = || scope.template(as_text(value)?);
        let read = match key.as_str() {
            "repo" => one().map(|template| repo = Some(template)),
            "arch" => one().map(|template| arch = Some(template)),
            "path" => one().map(|template| whole = Some(TargetTemplate::Path(template))),
            "category" => one().map(|template| whole = Some(TargetTemplate::Category(template))),
            "url" => read_urls(value, scope).map(|urls| whole = Some(TargetTemplate::Urls(urls))),
            _ => Err(Problem::UnknownKey(TARGETS.to_owned())),
        };
        if let Err(problem) = read {
            report(key, problem);
            return None;
        }
    }
    match (repo, arch, whole, written.len()) {
        (Some(repo), Some(arch), None, 2) => Some(TargetTemplate::Repository(repo, arch)),
        (None, None, Some(target), 1) => Some(target),
        (Some(_), None, None, _) => {
            report("arch", Problem::NoArch);
            None
        }
        _ => {
            report("", Problem::OneTarget(TARGETS));
            None
        }
    }
}

fn read_urls(value: &Value, scope: &Scope<'_>) -> Result<Vec<Template>, Problem> {
    let urls = as_list(value)?;
    let read = |url: &&str| {
        let begins = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
        // A user name and a password would be published.
        let has_user = authority(url).contains('@');
        if !begins || has_user || url.contains(char::is_whitespace) {
            return Err(Problem::BadUrl(Redacted(url).to_string()));
        }
        scope.template(url)
    };
    let twice = urls
        .iter()
        .enumerate()
        .find(|(index, url)| urls.iter().take(*index).any(|known| known == *url));
    match twice {
        Some((_, url)) => Err(Problem::ListedTwice(Redacted(url).to_string())),
        None => urls.iter().map(read).collect(),
    }
}
