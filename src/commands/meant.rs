//! Suggestions for names that do not exist.

/// What was probably meant, or what there is.
pub(super) fn meant(name: &str, names: &[&str]) -> String {
    let scored = names.iter().map(|known| (strsim::jaro_winkler(name, known), *known));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other));
    match best {
        None => "there are none".into(),
        Some((score, known)) if score > 0.85 => format!("did you mean `{known}`?"),
        Some(_) => format!("there are {}", names.join(", ")),
    }
}
