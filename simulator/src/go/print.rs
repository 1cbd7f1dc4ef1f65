//! Values as Go's `%v` prints them in messages.

/// A float: `5`, `1.5`, `1.780315e+09`.
pub fn float(value: f64) -> String {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::float;

    #[test]
    fn floats_have_an_exponent_from_a_million_on() {
        assert_eq!(
            [5.0, 1.5, 1_780_315_000.0, 1e21, -0.5, 0.00001, 0.0].map(float),
            ["5", "1.5", "1.780315e+09", "1e+21", "-0.5", "1e-05", "0"]
        );
    }
}
