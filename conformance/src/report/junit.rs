//! The report as JUnit XML, the form that CI systems open.
//!
//! A suite is a family, a test case a check. Checks that fail as the baseline says are skipped ones with the
//! reason, as other runners write them; warnings have passed and say so in their output.

use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Property, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use super::{about::Report, causes::Causes, families::families, format::Format, words::harmless};
use crate::suite::{Evidence, Record, Verdict};

pub(super) const FORMAT: Format = Format { name: "junit", about: "JUnit XML", write };

pub(super) fn write(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let Report { about, run } = report;
    let mut junit = Junit::new("portmaster-conformance");
    junit.set_time(run.took);
    let causes = Causes::of(run);
    for (family, sentence) in families() {
        let records: Vec<_> = run.records.iter().filter(|record| record.family() == family).collect();
        if records.is_empty() {
            continue;
        }
        let mut suite = TestSuite::new(family);
        suite.set_time(records.iter().map(|record| record.took).sum());
        suite.add_properties([
            Property::new("about", sentence),
            Property::new("target", about.target.as_str()),
            Property::new("contract", about.contract.as_str()),
            Property::new("seed", about.seed.to_string()),
        ]);
        suite.add_test_cases(records.into_iter().map(|record| case(record, &causes)));
        junit.add_test_suite(suite);
    }
    junit.serialize(out).map_err(io::Error::other)
}

fn case<'a>(record: &'a Record, causes: &Causes<'a>) -> TestCase {
    let mut said = None;
    let status = match &record.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Warn(evidence) => {
            said = Some(format!("warning\n{}", told(record, evidence, causes)));
            TestCaseStatus::success()
        }
        Verdict::Fail(evidence) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let (expected, got) = (harmless(&evidence.expected), harmless(&evidence.got));
            let more = causes.more(record).map(|more| format!(" ({})", harmless(&more)));
            status.set_message(format!("expected {expected}, got {got}{}", more.unwrap_or_default()));
            status.set_type(record.level.to_string()).set_description(told(record, evidence, causes));
            status
        }
        Verdict::Stale(reason) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message("it passes; take it out of the baseline").set_type("stale");
            status.set_description(format!("the baseline says: {reason}"));
            status
        }
        Verdict::Error(text) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(harmless(text)).set_type("error");
            status
        }
        Verdict::Expected(evidence, reason) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(format!("expected failure: {reason}")).set_type("expected-failure");
            status.set_description(told(record, evidence, causes));
            status
        }
        Verdict::Skip(reason) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(harmless(&causes.reason(record, *reason))).set_type("skip");
            status
        }
    };
    let mut case = TestCase::new(record.id.as_str(), status);
    case.set_classname(record.family()).set_time(record.took);
    if let Some(said) = said {
        case.set_system_out(said);
    }
    case
}

fn told<'a>(record: &'a Record, evidence: &Evidence, causes: &Causes<'a>) -> String {
    let Evidence { expected, got, curl, .. } = evidence;
    let more = causes.more(record).map(|more| format!("{more}\n")).unwrap_or_default();
    let text = format!(
        "{} ({}, {})\nexpected  {expected}\ngot       {got}\n{more}{curl}",
        record.sentence, record.level, record.clause
    );
    harmless(&text)
}

#[cfg(test)]
mod tests {
    use roxmltree::{Document, Node};

    use crate::report::example;

    #[test]
    fn a_suite_is_a_family_and_a_case_a_check() {
        example::assert_snapshot("junit", &example::written(super::write));
    }

    /// The shape that CI systems agree on: which elements stand in which, with which attributes, and counts
    /// that are true.
    #[test]
    fn it_has_the_usual_shape() {
        let text = example::written(super::write);
        let document = Document::parse(&text).unwrap();
        let root = document.root_element();
        assert_eq!(root.tag_name().name(), "testsuites");
        let number = |node: &Node<'_, '_>, name: &str| node.attribute(name).unwrap().parse::<f64>().unwrap();
        let within = |node: &Node<'_, '_>, names: &[&str]| {
            node.descendants().filter(|one| names.contains(&one.tag_name().name())).count() as f64
        };
        for node in root.descendants().filter(Node::is_element) {
            let (name, parent) = (node.tag_name().name(), node.parent().unwrap().tag_name().name());
            let (parents, attributes): (&[&str], &[&str]) = match name {
                "testsuites" => (&[""], &["name", "tests", "failures", "errors", "time"]),
                "testsuite" => (&["testsuites"], &["name", "tests", "failures", "errors", "time"]),
                "properties" => (&["testsuite"], &[]),
                "property" => (&["properties"], &["name", "value"]),
                "testcase" => (&["testsuite"], &["name", "classname", "time"]),
                "failure" | "error" | "skipped" => (&["testcase"], &["message", "type"]),
                "system-out" => (&["testcase"], &[]),
                other => panic!("<{other}> is not JUnit"),
            };
            assert!(parents.contains(&parent), "<{name}> in <{parent}>");
            assert!(attributes.iter().all(|one| node.has_attribute(*one)), "<{name}> {attributes:?}");
            if name == "testsuites" || name == "testsuite" {
                assert_eq!(number(&node, "tests"), within(&node, &["testcase"]));
                assert_eq!(number(&node, "failures"), within(&node, &["failure"]));
                assert_eq!(number(&node, "errors"), within(&node, &["error"]));
                assert!(number(&node, "time") >= 0.0);
            }
        }
    }
}
