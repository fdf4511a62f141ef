//! Suggestions for names that do not exist.

/// The most names that are listed: a catalog can have thousands of mirrors.
const MAX_LISTED: usize = 20;

/// What was probably meant, or what there is.
pub(super) fn meant(name: &str, names: &[&str]) -> String {
    let scored = names.iter().map(|known| (strsim::jaro_winkler(name, known), *known));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other));
    match best {
        None => "there are none".into(),
        Some((score, known)) if score > 0.85 => format!("did you mean `{known}`?"),
        Some(_) => match names.split_at_checked(MAX_LISTED) {
            Some((first, rest)) if !rest.is_empty() => {
                format!("there are {} and {} more", first.join(", "), rest.len())
            }
            _ => format!("there are {}", names.join(", ")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_similar_name_is_proposed_and_few_are_listed() {
        assert_eq!(meant("berlim", &["berlin", "paris"]), "did you mean `berlin`?");
        assert_eq!(meant("x", &["berlin", "paris"]), "there are berlin, paris");
        assert_eq!(meant("x", &[]), "there are none");
        let many: Vec<String> = (0..700).map(|n| format!("m{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let listed = meant("berlin", &many);
        assert!(listed.ends_with("m18, m19 and 680 more"), "{listed}");
    }
}
