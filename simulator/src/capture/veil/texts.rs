//! Texts in which something private may stand.

use std::sync::LazyLock;

use regex::Regex;

use super::{Veil, addresses::digits};

/// What may be private in a text: a path below a home folder, an address of mail, an IP or hardware address, a domain.
pub(super) static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?P<home>(?i:/(?:var/)?home/|/users/|[a-z]:\\+users\\+)[^\s"'<>|*?:;,&()\[\]{}]+)"#,
        r"|(?P<mail>[A-Za-z0-9._%+-]+@(?:[\p{L}0-9_-]+\.)+\p{L}[\p{L}0-9-]*)",
        r"|(?P<six>[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?:(?:\.\d{1,3}){3})?)",
        r"|(?P<four>\d{1,3}(?:\.\d{1,3}){3})",
        r"|(?P<domain>(?:[\p{L}0-9_](?:[\p{L}0-9_-]*[\p{L}0-9_])?\.)+\p{L}(?:[\p{L}0-9-]*[\p{L}0-9])?)",
    ))
    .expect("the pattern is one")
});

/// Ends of names that are files more often than domains.
const FILES: &[&str] = &[
    "app", "bin", "bz2", "conf", "cfg", "css", "dat", "db", "deb", "desktop", "dll", "dmg", "exe", "gz",
    "htm", "html", "ini", "jar", "js", "json", "lnk", "log", "md", "mmdb", "msi", "php", "pl", "png", "py",
    "rb", "rpm", "service", "sh", "so", "sock", "svg", "sys", "tar", "tmp", "toml", "txt", "xml", "xz",
    "yaml", "yml", "zip",
];

/// How long a name is that is found within words, too, as in `wilhelminas-laptop`.
const TELLING: usize = 6;

impl Veil {
    /// A text without what is private in it.
    pub(super) fn text(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = 0;
        for found in TOKEN.captures_iter(text) {
            let Some(token) = found.get(0) else { continue };
            out.push_str(&text[rest..token.start()]);
            rest = token.end();
            let before = text[..token.start()].chars().next_back();
            let after = text[token.end()..].chars().next();
            let word = token.as_str();
            let replaced = if self.public.contains(&word.to_lowercase()) {
                None
            } else if found.name("home").is_some() {
                begins(text, token.start()).then(|| self.path(word))
            } else if found.name("mail").is_some() {
                word.rsplit_once('@').map(|(_, domain)| format!("someone@{}", self.domain(domain)))
            } else if found.name("six").is_some() || found.name("four").is_some() {
                let whole = |char: Option<char>| !char.is_some_and(char::is_alphanumeric);
                let bits = text[token.end()..].strip_prefix('/').map(digits);
                (whole(before) && whole(after)).then(|| self.number(word, bits)).flatten()
            } else {
                self.domain_like(word)
            };
            out.push_str(&replaced.unwrap_or_else(|| word.to_owned()));
        }
        out.push_str(&text[rest..]);
        self.unnamed(&out)
    }

    /// What stands for a word that looks like a domain; `None` for a file. A known domain may follow upon a hyphen, as in
    /// `prompt-www.example.com`.
    pub(super) fn domain_like(&mut self, word: &str) -> Option<String> {
        let lower = word.to_lowercase();
        let end = lower.rsplit('.').next().unwrap_or_default();
        if self.known.contains(&lower) {
            return Some(self.domain(word));
        }
        let behind = |(at, _): (usize, &str)| self.known.contains(&lower[at + 1..]).then_some(at + 1);
        if let Some(at) = lower.match_indices('-').find_map(behind) {
            return Some(format!("{}{}", &lower[..at], self.domain(&lower[at..])));
        }
        (!FILES.contains(&end)).then(|| self.domain(word))
    }

    /// A text without names of persons and devices. Short names count as whole words only.
    pub(super) fn unnamed(&self, text: &str) -> String {
        let Some(words) = &self.words else { return text.to_owned() };
        let stand_in = |found: &regex::Captures<'_>| {
            let name = &found[0];
            let (start, end) = found.get(0).map_or((0, 0), |found| (found.start(), found.end()));
            let apart = |char: Option<char>| !char.is_some_and(char::is_alphanumeric);
            let is_word = apart(text[..start].chars().next_back()) && apart(text[end..].chars().next());
            let known = self.names.get(&name.to_lowercase());
            known
                .filter(|_| is_word || name.chars().count() >= TELLING)
                .cloned()
                .unwrap_or_else(|| name.to_owned())
        };
        words.replace_all(text, stand_in).into_owned()
    }
}

/// Whether a path may begin at a place of a text: not within a URL.
pub(super) fn begins(text: &str, at: usize) -> bool {
    !text[..at].ends_with(|char: char| char.is_alphanumeric() || matches!(char, '.' | '-' | '_' | ']'))
}
