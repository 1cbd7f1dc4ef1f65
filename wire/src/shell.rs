//! Words of command lines.

/// A word for a POSIX shell, quoted only when it must be.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,%+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// What curl's `-H` takes for a header. One without a value ends with a semicolon there.
pub fn curl_header(name: &str, value: &str) -> String {
    if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_when_they_must_be() {
        assert_eq!(quoted("http://127.0.0.1:817/a"), "http://127.0.0.1:817/a");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
        assert_eq!([curl_header("a", ""), curl_header("a", "b")], ["a;", "a: b"]);
    }
}
