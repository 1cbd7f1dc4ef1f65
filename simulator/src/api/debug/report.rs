//! A debug report: titled sections in one of two styles.

/// How sections look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `**Title**:`
    Simple,
    /// Sections that fold, as GitHub shows them.
    Github,
}

impl Style {
    /// The style that a parameter names; only exactly `github` names the other one (core-2.2 §6.4).
    pub(super) fn named(word: Option<&str>) -> Self {
        if word == Some("github") { Self::Github } else { Self::Simple }
    }
}

/// A report while it is written.
#[derive(Debug)]
pub(super) struct Report {
    style: Style,
    sections: Vec<String>,
}

impl Report {
    pub(super) fn new(style: Style) -> Self {
        Self { style, sections: Vec::new() }
    }

    /// A section with a block of text as it is.
    pub(super) fn block(&mut self, title: &str, text: &str) {
        self.add(title, &format!("```\n{text}\n```\n"));
    }

    /// A section with a sentence, or with nothing.
    pub(super) fn sentence(&mut self, title: &str, text: &str) {
        self.add(title, text);
    }

    fn add(&mut self, title: &str, body: &str) {
        self.sections.push(match self.style {
            Style::Simple => format!("**{title}**:\n\n{body}"),
            Style::Github => format!("<details>\n<summary>{title}</summary>\n\n{body}\n</details>"),
        });
    }

    /// The whole report.
    pub(super) fn text(self) -> String {
        self.sections.join("\n\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(word: &str) -> String {
        let mut report = Report::new(Style::named(Some(word)));
        report.block("A", "x");
        report.sentence("B", "");
        report.sentence("C", "Why.");
        report.block("D", "y");
        report.text()
    }

    #[test]
    fn sections_are_laid_out_as_the_cores_do() {
        let simple = "**A**:\n\n```\nx\n```\n\n\n**B**:\n\n\n\n**C**:\n\nWhy.\n\n**D**:\n\n```\ny\n```\n";
        assert_eq!(report("GITHUB"), simple);
        assert_eq!(
            report("github"),
            "<details>\n<summary>A</summary>\n\n```\nx\n```\n\n</details>\n\n<details>\n<summary>B</summary>\n\n\n</details>\
             \n\n<details>\n<summary>C</summary>\n\nWhy.\n</details>\n\n<details>\n<summary>D</summary>\n\n```\ny\n```\n\
             \n</details>"
        );
    }
}
