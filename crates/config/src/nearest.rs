//! The known name that is most like an unknown one.

/// The one of `known` most like `name`, if any is so much like it that a slip of the finger
/// explains the difference: one edit, or one in five characters.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            let edits = strsim::osa_distance(&lower, &candidate.to_lowercase());
            (edits, candidate)
        })
        .filter(|(edits, candidate)| *edits <= (name.len().max(candidate.len()) / 5).max(1))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// The end of a message: a suggestion, if there is one.
pub(crate) fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["address", "issuer", "open", "ES256", "max_conns"];
        for (name, expected) in [
            ("adress", Some("address")),
            ("isseur", Some("issuer")),
            ("opne", Some("open")),
            ("es256", Some("ES256")),
            ("max_conn", Some("max_conns")),
            ("oidc", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }
}
