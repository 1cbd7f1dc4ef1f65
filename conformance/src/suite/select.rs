//! Chooses checks by id, with wildcards.

use super::Check;

/// An id, or a pattern, that selects nothing.
#[derive(Debug, thiserror::Error)]
#[error("no check is called \"{pattern}\"{}", .nearest.as_ref().map(|id| format!("; did you mean \"{id}\"?")).unwrap_or_default())]
pub struct Unknown {
    pattern: String,
    nearest: Option<String>,
}

/// The checks that any of the patterns selects, in their own order; all of them when there is no pattern.
///
/// A pattern is an id, or a beginning of ids (`badges/ping` selects `badges/ping/GET/no-key`), or has `*` for
/// any run of characters (`badges/*/no-key`).
pub fn select(checks: Vec<Check>, patterns: &[String]) -> Result<Vec<Check>, Unknown> {
    if let Some(pattern) = patterns.iter().find(|one| !checks.iter().any(|check| matches(one, &check.id))) {
        return Err(Unknown { pattern: pattern.clone(), nearest: nearest(pattern, &checks) });
    }
    let wanted = |check: &Check| patterns.is_empty() || patterns.iter().any(|one| matches(one, &check.id));
    Ok(checks.into_iter().filter(wanted).collect())
}

fn matches(pattern: &str, id: &str) -> bool {
    let pattern = pattern.trim_end_matches('/');
    glob(pattern.as_bytes(), id.as_bytes())
        || (!pattern.contains('*') && id.strip_prefix(pattern).is_some_and(|rest| rest.starts_with('/')))
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        [first, rest @ ..] => text.first() == Some(first) && glob(rest, &text[1..]),
    }
}

/// The id, or the beginning of ids, that is most like the pattern.
fn nearest(pattern: &str, checks: &[Check]) -> Option<String> {
    let depth = pattern.split('/').count();
    checks
        .iter()
        .flat_map(|check| {
            let parts: Vec<_> = check.id.split('/').collect();
            [parts[..depth.min(parts.len())].join("/"), check.id.clone()]
        })
        .map(|id| (strsim::normalized_damerau_levenshtein(pattern, &id), id))
        .filter(|(likeness, _)| *likeness > 0.5)
        .max_by(|(a, x), (b, y)| a.total_cmp(b).then_with(|| y.cmp(x)))
        .map(|(_, id)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(patterns: &[&str]) -> Result<Vec<String>, Unknown> {
        let checks = ["badges/dns/clear/POST/no-key", "badges/ping/GET/no-key", "badges/ping/GET/user-key"]
            .map(|id| Check::info(id, "", ""));
        let patterns: Vec<_> = patterns.iter().map(|&one| one.to_owned()).collect();
        Ok(select(checks.to_vec(), &patterns)?.into_iter().map(|check| check.id).collect())
    }

    #[test]
    fn ids_beginnings_and_wildcards_select() {
        assert_eq!(ids(&[]).unwrap().len(), 3);
        assert_eq!(ids(&["badges/ping"]).unwrap().len(), 2);
        assert_eq!(ids(&["badges/*/no-key"]).unwrap().len(), 2);
        assert_eq!(ids(&["badges/ping/GET/user-key"]).unwrap(), ["badges/ping/GET/user-key"]);
    }

    #[test]
    fn unknown_ids_name_their_neighbour() {
        let text = ids(&["badges/pink"]).unwrap_err().to_string();
        assert_eq!(text, "no check is called \"badges/pink\"; did you mean \"badges/ping\"?");
        assert_eq!(ids(&["zzz"]).unwrap_err().to_string(), "no check is called \"zzz\"");
        assert!(ids(&["badges/pin"]).is_err(), "half a word selects nothing");
    }
}
