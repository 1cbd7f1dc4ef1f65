//! Several errors as one text, as the cores' list of errors prints.

/// One line a mistake, and the empty lines that the list has at its end.
pub fn list(errors: &[String]) -> String {
    let mut out = match errors.len() {
        1 => "1 error occurred:".to_owned(),
        count => format!("{count} errors occurred:"),
    };
    for error in errors {
        out.push_str("\n\t* ");
        out.push_str(error);
    }
    out.push_str("\n\n");
    out
}

#[cfg(test)]
mod tests {
    use super::list;

    #[test]
    fn one_and_several() {
        assert_eq!(list(&["a".to_owned()]), "1 error occurred:\n\t* a\n\n");
        assert_eq!(list(&["a".to_owned(), "b".to_owned()]), "2 errors occurred:\n\t* a\n\t* b\n\n");
    }
}
