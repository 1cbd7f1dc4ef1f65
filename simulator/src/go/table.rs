//! Tables as Go's `text/tabwriter` aligns them. The crates for it count the padding beside the least width; Go within.

/// The least width of a column in most tables, its padding included.
const LEAST: usize = 8;
/// The blanks between columns.
const PADDING: usize = 3;

/// Aligns lines of tab-terminated cells; what follows the last tab of a line is not a cell (core-1.x §7.4).
///
/// As in Go, a column is a block of consecutive lines that have a cell there.
pub fn align(text: &str) -> String {
    align_to(text, LEAST)
}

/// The same with another least width.
pub fn align_to(text: &str, least: usize) -> String {
    let lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
    let cells = |line: usize| lines[line].len() - 1;
    let mut widths: Vec<Vec<usize>> = (0..lines.len()).map(|line| vec![0; cells(line)]).collect();
    for first in 0..lines.len() {
        for column in 0..cells(first) {
            if first > 0 && cells(first - 1) > column {
                continue;
            }
            let block: Vec<usize> = (first..lines.len()).take_while(|line| cells(*line) > column).collect();
            let widest = block.iter().map(|line| lines[*line][column].chars().count()).max().unwrap_or(0);
            for line in block {
                widths[line][column] = (widest + PADDING).max(least);
            }
        }
    }
    let mut out = String::with_capacity(text.len() * 2);
    for (at, line) in lines.iter().enumerate() {
        for (column, cell) in line.iter().enumerate() {
            match widths[at].get(column) {
                Some(width) => out.push_str(&format!("{cell:width$}")),
                None => out.push_str(cell),
            }
        }
        if at + 1 < lines.len() {
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::align;

    #[test]
    fn an_empty_table_is_its_header() {
        let header = "Hub Name\tCountry\tRegion\tLatency\tCapacity\tCost\tGeo Prox.\tHub ID\tStatus\n";
        let expected =
            "Hub Name   Country   Region   Latency   Capacity   Cost    Geo Prox.   Hub ID   Status\n";
        assert_eq!(align(header), expected);
    }

    #[test]
    fn a_line_without_cells_ends_a_column() {
        assert_eq!(align("a\tb\nlonger name\tb\n\na\tc"), "a             b\nlonger name   b\n\na       c");
    }
}
