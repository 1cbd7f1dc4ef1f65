//! Regular expressions in Go's syntax, <https://pkg.go.dev/regexp/syntax>: read as Go reads them, with its errors, and written again
//! for the crate `regex`, whose own syntax is another one in a hundred small ways.

use regex::Regex;

use crate::limits;

/// The most that a repetition may ask for, those around it counted in.
const REPETITIONS: u64 = 1000;

/// Compiles an expression as Go's `regexp.Compile`; its error's text if it is none.
pub fn compile(text: &str) -> Result<Regex, String> {
    let said = |(what, part): Fault<'_>| format!("error parsing regexp: {what}: `{part}`");
    let written = Reader { whole: text, rest: text, out: String::new(), classes: 0 }.read().map_err(said)?;
    regex::RegexBuilder::new(&written).size_limit(limits::REGEX).build().map_err(|error| {
        said(match error.to_string() {
            deep if deep.contains("nest") => ("expression nests too deeply", text),
            // A character class of Unicode's that the crate does not know.
            unknown if unknown.contains("property") => ("invalid character class range", text),
            _ => ("expression too large", ""),
        })
    })
}

/// What is wrong, and the part of the expression that Go shows.
type Fault<'a> = (&'static str, &'a str);

const BAD_ESCAPE: &str = "invalid escape sequence";
const BAD_RANGE: &str = "invalid character class range";
const BAD_REPEAT: &str = "invalid repeat count";
const NO_ARGUMENT: &str = "missing argument to repetition operator";

/// What was read of an expression.
struct Reader<'a> {
    whole: &'a str,
    rest: &'a str,
    out: String,
    /// How many of Unicode's classes it has.
    classes: usize,
}

/// What stands before the place that is read, in the innermost group.
#[derive(Clone, Copy, Default)]
struct Before {
    /// Whether there is something to repeat.
    something: bool,
    /// How often the last of it is repeated, and the most of all.
    last: u64,
    most: u64,
}

impl Before {
    fn add(&mut self, weight: u64) {
        *self = Self { something: true, last: weight, most: self.most.max(weight) };
    }
}

/// The part of a text that is gone in a later rest of it.
fn taken<'a>(text: &'a str, rest: &str) -> &'a str {
    &text[..text.len() - rest.len()]
}

/// What Go's classes `\d`, `\s` and `\w` have; the large letters have all else.
fn perl_class(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\f\r ]",
        'S' => r"[^\t\n\f\r ]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<char> {
        let char = self.rest.chars().next()?;
        self.rest = &self.rest[char.len_utf8()..];
        Some(char)
    }

    /// A character by its number; one that is half of a pair matches nothing.
    fn literal(&mut self, number: u32) {
        match char::from_u32(number) {
            Some(char) => self.out.push_str(&regex::escape(char.encode_utf8(&mut [0; 4]))),
            None => self.out.push_str(r"[^\x{0}-\x{10FFFF}]"),
        }
    }

    fn read(mut self) -> Result<String, Fault<'a>> {
        let mut around: Vec<Before> = Vec::new();
        let mut before = Before::default();
        // The last repetition and all after it, while nothing else came.
        let mut repeated: Option<&'a str> = None;
        while let Some(char) = self.rest.chars().next() {
            let here = self.rest;
            let last_repeated = repeated.take();
            match char {
                '(' if here.starts_with("(?") => {
                    if self.flags()? {
                        around.push(std::mem::take(&mut before));
                    }
                }
                '(' => {
                    self.next();
                    self.out.push('(');
                    around.push(std::mem::take(&mut before));
                }
                ')' => {
                    let most = before.most;
                    before = around.pop().ok_or(("unexpected )", self.whole))?;
                    before.add(most.max(1));
                    self.next();
                    self.out.push(')');
                }
                '|' => {
                    self.next();
                    self.out.push('|');
                    before.something = false;
                }
                '*' | '+' | '?' | '{' => {
                    let Some((least, most)) = self.repetition() else {
                        self.next();
                        self.literal('{'.into());
                        before.add(1);
                        continue;
                    };
                    let counted = char == '{';
                    let too_many = |count: u64| count > REPETITIONS;
                    if counted && (too_many(least) || most.is_some_and(|most| too_many(most) || least > most))
                    {
                        return Err((BAD_REPEAT, taken(here, self.rest)));
                    }
                    let lazy = self.rest.starts_with('?');
                    let written = taken(here, self.rest);
                    self.rest = &self.rest[usize::from(lazy)..];
                    if let Some(earlier) = last_repeated {
                        return Err(("invalid nested repetition operator", taken(earlier, self.rest)));
                    }
                    if !before.something {
                        return Err((NO_ARGUMENT, taken(here, self.rest)));
                    }
                    if counted {
                        let weight = match most.unwrap_or(least) {
                            0 if most.is_some() => 1,
                            times => times.max(1).saturating_mul(before.last),
                        };
                        if (least >= 2 || most.is_some_and(|most| most >= 2)) && weight > REPETITIONS {
                            return Err((BAD_REPEAT, taken(here, self.rest)));
                        }
                        before.add(weight);
                    }
                    self.out.push_str(written);
                    if lazy {
                        self.out.push('?');
                    }
                    repeated = Some(here);
                }
                '[' => {
                    self.class()?;
                    before.add(1);
                }
                '\\' if here.starts_with(r"\Q") => {
                    let (quoted, rest) = here[2..].split_once(r"\E").unwrap_or((&here[2..], ""));
                    self.out.push_str(&regex::escape(quoted));
                    self.rest = rest;
                    if !quoted.is_empty() {
                        before.add(1);
                    }
                }
                '\\' => {
                    self.escaped()?;
                    before.add(1);
                }
                '^' | '$' | '.' => {
                    self.next();
                    self.out.push(char);
                    before.add(1);
                }
                literal => {
                    self.next();
                    self.literal(literal.into());
                    before.add(1);
                }
            }
        }
        if around.is_empty() { Ok(self.out) } else { Err(("missing closing )", self.whole)) }
    }

    /// Reads `*`, `+`, `?`, `{n}`, `{n,}` or `{n,m}`: the least and the most; none for a brace that is itself.
    fn repetition(&mut self) -> Option<(u64, Option<u64>)> {
        let here = self.rest;
        let (count, rest) = match here.as_bytes().first()? {
            b'*' => ((0, None), &here[1..]),
            b'+' => ((1, None), &here[1..]),
            b'?' => ((0, Some(1)), &here[1..]),
            _ => {
                let (inside, rest) = here[1..].split_once('}')?;
                let number = |digits: &str| {
                    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.is_empty();
                    // A number that is too large for any is too large here, too.
                    (plain && (digits.len() == 1 || !digits.starts_with('0')))
                        .then(|| digits.parse().unwrap_or(u64::MAX))
                };
                let count = match inside.split_once(',') {
                    None => number(inside).map(|times| (times, Some(times)))?,
                    Some((least, "")) => (number(least)?, None),
                    Some((least, most)) => (number(least)?, Some(number(most)?)),
                };
                (count, rest)
            }
        };
        self.rest = rest;
        Some(count)
    }

    /// Reads what begins with `(?`; whether that opened a group.
    fn flags(&mut self) -> Result<bool, Fault<'a>> {
        let here = self.rest;
        let named = here.strip_prefix("(?P<").filter(|rest| !rest.is_empty());
        if let Some(rest) = named.or_else(|| here.strip_prefix("(?<").filter(|rest| !rest.is_empty())) {
            let (name, rest) = rest.split_once('>').ok_or(("invalid named capture", here))?;
            let word = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
            if name.is_empty() || !name.bytes().all(word) {
                return Err(("invalid named capture", taken(here, rest)));
            }
            self.rest = rest;
            // Names may come twice and begin with a digit, and nobody asks for them.
            self.out.push('(');
            return Ok(true);
        }
        self.rest = &here[2..];
        let (mut on, mut off) = (String::new(), String::new());
        let (mut negative, mut any) = (false, false);
        while let Some(char) = self.next() {
            match char {
                'i' | 'm' | 's' | 'U' => {
                    on.retain(|one| one != char);
                    off.retain(|one| one != char);
                    if negative {
                        off.push(char)
                    } else {
                        on.push(char)
                    }
                    any = true;
                }
                '-' if !negative => (negative, any) = (true, false),
                ':' | ')' if !negative || any => {
                    let minus = if off.is_empty() { "" } else { "-" };
                    if char == ':' || !on.is_empty() || !off.is_empty() {
                        self.out.extend(["(?", &on, minus, &off]);
                        self.out.push(char);
                    }
                    return Ok(char == ':');
                }
                _ => break,
            }
        }
        Err(("invalid or unsupported Perl syntax", taken(here, self.rest)))
    }

    /// Reads what begins with a backslash, outside of a class.
    fn escaped(&mut self) -> Result<(), Fault<'a>> {
        let here = self.rest;
        let letter = here[1..].chars().next();
        match letter {
            Some('A' | 'z' | 'B') => self.out.push_str(&here[..2]),
            Some('b') => self.out.push_str(r"(?-u:\b)"),
            Some('C') => return Err((BAD_ESCAPE, &here[..2])),
            _ if self.shared_class()? => return Ok(()),
            _ => {
                let number = self.escape()?;
                self.literal(number);
                return Ok(());
            }
        }
        self.rest = &here[2..];
        Ok(())
    }

    /// Reads `\d` and its like and `\p{…}`, which are the same in a class; whether there was one.
    fn shared_class(&mut self) -> Result<bool, Fault<'a>> {
        let here = self.rest;
        let Some(letter) = here.strip_prefix('\\').and_then(|rest| rest.chars().next()) else {
            return Ok(false);
        };
        if let Some(class) = perl_class(letter) {
            self.out.push_str(class);
            self.rest = &here[2..];
            return Ok(true);
        }
        if !matches!(letter, 'p' | 'P') {
            return Ok(false);
        }
        if here.len() == 2 {
            return Err((BAD_RANGE, here));
        }
        let end = match here[2..].starts_with('{') {
            true => here.find('}').ok_or((BAD_RANGE, here))? + 1,
            false => 2 + here[2..].chars().next().map_or(0, char::len_utf8),
        };
        let class = &here[..end];
        self.classes += 1;
        if self.classes > limits::CLASSES {
            return Err(("expression too large", ""));
        }
        let name = class[2..].trim_start_matches('{').trim_end_matches('}');
        let (name, turned) = name.strip_prefix('^').map_or((name, false), |name| (name, true));
        let negative = (letter == 'P') != turned;
        let written = format!(r"\{}{{{name}}}", if negative { 'P' } else { 'p' });
        if name.is_empty() || name.contains(['=', ':', '!']) || Regex::new(&written).is_err() {
            return Err((BAD_RANGE, class));
        }
        self.out.push_str(&written);
        self.rest = &here[end..];
        Ok(true)
    }

    /// Reads the escape of one character, by its number.
    fn escape(&mut self) -> Result<u32, Fault<'a>> {
        let here = self.rest;
        self.next();
        let Some(char) = self.next() else { return Err(("trailing backslash at end of expression", "")) };
        let octal = |reader: &Self| reader.rest.starts_with(|digit| matches!(digit, '0'..='7'));
        let number = match char {
            'a' => Some(7),
            'f' => Some(12),
            'n' => Some(10),
            'r' => Some(13),
            't' => Some(9),
            'v' => Some(11),
            'x' => self.hexadecimal(),
            '0'..='7' if char == '0' || octal(self) => {
                let mut number = char.to_digit(8).unwrap_or_default();
                for _ in 0..2 {
                    if octal(self) {
                        number =
                            number * 8 + self.next().and_then(|digit| digit.to_digit(8)).unwrap_or_default();
                    }
                }
                Some(number)
            }
            // What is no word is itself.
            other => (other.is_ascii() && !other.is_ascii_alphanumeric()).then(|| other.into()),
        };
        number.ok_or((BAD_ESCAPE, taken(here, self.rest)))
    }

    /// Reads what follows `\x`: two digits, or any number of them in braces.
    fn hexadecimal(&mut self) -> Option<u32> {
        let first = self.next()?;
        if first != '{' {
            let second = self.next();
            return Some(first.to_digit(16)? * 16 + second?.to_digit(16)?);
        }
        let (mut number, mut any) = (0, false);
        loop {
            match self.next()? {
                '}' => return any.then_some(number),
                digit => number = number * 16 + digit.to_digit(16)?,
            }
            if number > char::MAX.into() {
                return None;
            }
            any = true;
        }
    }

    /// Reads a class in brackets.
    fn class(&mut self) -> Result<(), Fault<'a>> {
        let here = self.rest;
        let negated = here.starts_with("[^");
        self.rest = &here[1 + usize::from(negated)..];
        self.out.push_str(if negated { "[^" } else { "[" });
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            let item = self.rest;
            if let Some((name, rest)) = item.strip_prefix("[:").and_then(|rest| rest.split_once(":]")) {
                let known = [
                    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
                    "space", "upper", "word", "xdigit",
                ];
                if !known.contains(&name.strip_prefix('^').unwrap_or(name)) {
                    return Err((BAD_RANGE, taken(item, rest)));
                }
                self.out.extend(["[:", name, ":]"]);
                self.rest = rest;
                continue;
            }
            if self.shared_class()? {
                continue;
            }
            let low = self.member(here)?;
            let mut high = low;
            if self.rest.starts_with('-') && self.rest.len() > 1 && !self.rest.starts_with("-]") {
                self.next();
                high = self.member(here)?;
                if high < low {
                    return Err((BAD_RANGE, taken(item, self.rest)));
                }
            }
            // Halves of pairs are no characters here.
            let low = if char::from_u32(low).is_none() { 0xE000 } else { low };
            let high = if char::from_u32(high).is_none() { 0xD7FF } else { high };
            if low <= high {
                self.out.push_str(&format!(r"\x{{{low:X}}}-\x{{{high:X}}}"));
            }
        }
        self.next();
        self.out.push(']');
        Ok(())
    }

    /// Reads a character of the class that begins at `class`.
    fn member(&mut self, class: &'a str) -> Result<u32, Fault<'a>> {
        if self.rest.starts_with('\\') {
            return self.escape();
        }
        self.next().map(Into::into).ok_or(("missing closing ]", class))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn errors_are_worded_as_go_does() {
        for (text, error) in [
            ("[a", "missing closing ]: `[a`"),
            ("x[a", "missing closing ]: `[a`"),
            ("[]", "missing closing ]: `[]`"),
            ("a(b", "missing closing ): `a(b`"),
            ("a)b", "unexpected ): `a)b`"),
            ("*a", "missing argument to repetition operator: `*`"),
            ("a|*?b", "missing argument to repetition operator: `*?`"),
            ("(?i)*", "missing argument to repetition operator: `*`"),
            ("{2}", "missing argument to repetition operator: `{2}`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("a+??", "invalid nested repetition operator: `+??`"),
            ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("a{2,1}", "invalid repeat count: `{2,1}`"),
            ("a{99999999999999999999}", "invalid repeat count: `{99999999999999999999}`"),
            ("((a{31}){32}){33}", "invalid repeat count: `{33}`"),
            ("(x|a{100}b){100}", "invalid repeat count: `{100}`"),
            ("a\\", "trailing backslash at end of expression: ``"),
            (r"(a)\1", r"invalid escape sequence: `\1`"),
            (r"\8", r"invalid escape sequence: `\8`"),
            (r"\Z", r"invalid escape sequence: `\Z`"),
            (r"\x4g", r"invalid escape sequence: `\x4g`"),
            (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
            (r"\é", r"invalid escape sequence: `\é`"),
            (r"\u0041", r"invalid escape sequence: `\u`"),
            (r"[\b]", r"invalid escape sequence: `\b`"),
            (r"[a-\d]", r"invalid escape sequence: `\d`"),
            ("x[b-a]y", "invalid character class range: `b-a`"),
            ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
            (r"\pX", r"invalid character class range: `\pX`"),
            (r"\p", r"invalid character class range: `\p`"),
            (r"\p{Foo}", r"invalid character class range: `\p{Foo}`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?!a)", "invalid or unsupported Perl syntax: `(?!`"),
            ("(?>a)", "invalid or unsupported Perl syntax: `(?>`"),
            ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
            ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
            ("(?P=n)", "invalid or unsupported Perl syntax: `(?P`"),
            ("(?<=a)", "invalid named capture: `(?<=a)`"),
            ("(?P<n a>b)", "invalid named capture: `(?P<n a>`"),
        ] {
            let got = compile(text).map(|_| ());
            assert_eq!(got, Err(format!("error parsing regexp: {error}")), "{text}");
        }
    }

    #[test]
    fn expressions_match_as_in_go() {
        for (text, matching, other) in [
            ("(?i)^c", "Cherry", "apple"),
            (r"^\w+$", "word_1", "wörd"),
            (r"^[\w-]+$", "a-b", "a b"),
            (r"^\d$", "7", "٧"),
            ("^[[a]$", "[", "b"),
            ("^[]a]$", "]", "b"),
            ("^[a&&b]$", "&", "c"),
            ("^[+--]$", ",", "a"),
            ("^[[:digit:]x]+$", "1x", "y"),
            (r"^[^\D]$", "1", "x"),
            ("^a{,2}$", "a{,2}", "aa"),
            ("^a{02}$", "a{02}", "aa"),
            ("^a{2}$", "aa", "a"),
            (r"\bcore\b", "the core", "score"),
            (r"^\Q*.\E+$", "*..", "ab"),
            (r"^\<\_\-$", "<_-", "a"),
            (r"^\101\x42\x{43}\07$", "ABC\u{7}", "a"),
            (r"^\p{Greek}\pL\P{L}\p{^L}$", "αx11", "axx1"),
            ("^(?P<1>a)(?<n>b)(?P<n>c)$", "abc", "ab"),
            ("(?)^(?:a)(?U:b+)$", "abb", "a"),
            ("^[z-]$", "-", "y"),
        ] {
            let expression = compile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(expression.is_match(matching), "{text} {matching}");
            assert!(!expression.is_match(other), "{text} {other}");
        }
    }

    #[test]
    fn classes_are_looked_up_only_so_often() {
        let many = |class: &str, times| compile(&format!("[{}]", class.repeat(times))).map(|_| ());
        let too_large = || Err("error parsing regexp: expression too large: ``".to_owned());
        assert_eq!(many(r"\pL", limits::CLASSES), Ok(()));
        assert_eq!(many(r"\pL", limits::CLASSES + 1), too_large());
        assert_eq!(many(r"\pL", 300_000), too_large());
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in r"[\[\](){}\\^$*+?.:|&~,a-cwdsbBpPQEUimx<>é0-9-]{0,16}") {
            let too_large = "error parsing regexp: expression too large: ``";
            // What Go takes is written so that the crate takes it.
            if let Err(error) = compile(&text) {
                prop_assert_ne!(error, too_large, "{}", text);
            }
        }
    }
}
