//! Tables as Go's `text/tabwriter` aligns them.

use std::io::Write;

/// Aligns tab-separated cells: columns at least 8 wide, three blanks apart (core-1.x §7).
pub fn align(text: &str) -> String {
    let mut writer = tabwriter::TabWriter::new(Vec::new()).minwidth(8).padding(3);
    let written = writer.write_all(text.as_bytes()).and_then(|()| writer.flush());
    written.expect("writing to memory does not fail");
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).expect("a table of texts is a text")
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_empty_table_is_its_header() {
        let header = "Hub Name\tCountry\tRegion\tLatency\tCapacity\tCost\tGeo Prox.\tHub ID\tStatus\n";
        assert_eq!(
            super::align(header),
            "Hub Name   Country   Region   Latency   Capacity   Cost    Geo Prox.   Hub ID   Status\n"
        );
    }
}
