//! The project's own cases pass, and a case that should fail does.

use microbreaker_scenarios::case::{self, Case};
use microbreaker_scenarios::check::{Verdict, check};
use microbreaker_scenarios::pictures;

#[test]
fn every_case_passes_on_the_breaker_and_on_the_model() {
    let entries = case::load(&pictures::cases()).unwrap();
    assert!(entries.len() >= 68 + 18, "cases are missing: {}", entries.len());
    for entry in entries {
        let case = entry.case.unwrap_or_else(|error| panic!("{}: {error}", entry.id));
        let verdict = check(&case);
        assert!(matches!(verdict, Verdict::Passed), "{}: {verdict:#?}", entry.id);
    }
}

/// A case with `steps`, on a breaker that trips at two failures in a row, for 100 ticks.
fn case(steps: &str) -> Case {
    let config = r#"{"window": {"kind": "consecutive"}, "consecutive_failures": 2, "open_for": 100,
        "half_open": {"permits": 1, "scope": "episode", "rule": "need_of", "need": 1, "of": 1}}"#;
    let json = format!(r#"{{"id": "T", "config": {config}, "steps": [{steps}]}}"#);
    serde_json::from_str(&json).unwrap()
}

const TRIP: &str = r#"
    {"at": 7, "op": "acquire", "call": "a", "expect": {"admit": "admitted"}},
    {"at": 7, "op": "failure", "call": "a"},
    {"at": 7, "op": "acquire", "call": "b"},
    {"at": 7, "op": "panic", "call": "b"}"#;

/// The failure of a case that trips the breaker and then checks `expect` at `tick`, if it
/// fails.
fn complaint(tick: u64, expect: &str) -> Option<String> {
    let check_step = format!(r#"{TRIP}, {{"at": {tick}, "op": "check", "expect": {expect}}}"#);
    match check(&case(&check_step)) {
        Verdict::Passed => None,
        Verdict::Failed(failure) => {
            assert_eq!(failure.step, 5);
            Some(failure.to_string())
        }
        Verdict::Skipped(reason) => panic!("{reason}"),
    }
}

#[test]
fn every_expectation_can_fail() {
    let right_and_wrong = [
        (r#"{"state": "open"}"#, r#"{"state": "closed"}"#),
        (r#"{"calls": 2}"#, r#"{"calls": 3}"#),
        (r#"{"failed": 2}"#, r#"{"failed": 0}"#),
        (r#"{"slow": 0}"#, r#"{"slow": 1}"#),
        (r#"{"failure_rate": 100.0}"#, r#"{"failure_rate": 99.9}"#),
        (r#"{"failure_rate": 100.0}"#, r#"{"failure_rate": null}"#),
        (r#"{"slow_rate": 0}"#, r#"{"slow_rate": null}"#),
        (r#"{"rejected": 0}"#, r#"{"rejected": 1}"#),
        (r#"{"retry_after": 97}"#, r#"{"retry_after": 96}"#),
        (r#"{"retry_after": 97}"#, r#"{"retry_after": null}"#),
        (r#"{"transitions": ["closed>open"]}"#, r#"{"transitions": []}"#),
        (
            r#"{"events": {"consecutive_failures_exceeded": 1, "failure_rate_exceeded": 0}}"#,
            r#"{"events": {"failure_rate_exceeded": 1}}"#,
        ),
        (r#"{"error": false}"#, r#"{"error": true}"#),
    ];
    for (right, wrong) in right_and_wrong {
        assert_eq!(complaint(10, right), None);
        let complaint = complaint(10, wrong).unwrap_or_else(|| panic!("{wrong} passed"));
        assert!(complaint.starts_with("step 5, Check at tick 10"), "{complaint}");
        assert!(complaint.contains("breaker has") && complaint.contains("model has"));
    }
    let admitted = r#"{"at": 0, "op": "acquire", "expect": {"admit": "rejected"}}"#;
    assert!(matches!(check(&case(admitted)), Verdict::Failed(failure) if failure.step == 1));
}

#[test]
fn a_phase_that_began_by_itself_is_fresh() {
    let due = r#"{"state": "half_open", "calls": 0, "rejected": 0, "retry_after": 0}"#;
    assert_eq!(complaint(107, due), None);
    // The transitions may be those that a reader sees, or those reported so far.
    assert_eq!(complaint(107, r#"{"transitions": ["closed>open", "open>half_open"]}"#), None);
    assert_eq!(complaint(107, r#"{"transitions": ["closed>open"]}"#), None);
}

#[test]
fn a_permit_without_a_name_is_held() {
    let steps = r#"
        {"at": 0, "op": "open"}, {"at": 0, "op": "half_open"},
        {"at": 0, "op": "acquire", "expect": {"admit": "admitted"}},
        {"at": 9, "op": "acquire", "expect": {"admit": "rejected", "rejected": 1}}"#;
    assert!(matches!(check(&case(steps)), Verdict::Passed));
}

#[test]
fn the_command_half_open_is_refused_only_if_that_is_expected() {
    let refused = r#"{"at": 0, "op": "half_open", "expect": {"error": true, "state": "closed"}}"#;
    let elsewhere = r#"{"at": 0, "op": "half_open", "expect": {"state": "closed"}}"#;
    let through_an_opening = r#"{"at": 0, "op": "half_open",
        "expect": {"state": "half_open", "transitions": ["closed>half_open"], "error": false}}"#;
    for steps in [refused, elsewhere, through_an_opening] {
        assert!(matches!(check(&case(steps)), Verdict::Passed), "{steps}");
    }
}

#[test]
fn a_case_may_run_past_the_end_of_the_clock() {
    let at = (5_u64 << 32) - 50;
    let steps = format!(
        r#"{{"at": {at}, "op": "open"}},
        {{"at": {}, "op": "acquire", "expect": {{"admit": "rejected", "retry_after": 1}}}},
        {{"at": {}, "op": "acquire", "expect": {{"admit": "admitted", "state": "half_open"}}}}"#,
        at + 99,
        at + 100
    );
    assert!(matches!(check(&case(&steps)), Verdict::Passed));
}

#[test]
fn a_case_that_the_design_rules_out_is_skipped_with_the_reason() {
    let base = case(r#"{"at": 0, "op": "check"}"#);
    let skipped = |change: &dyn Fn(&mut Case)| {
        let mut case = base.clone();
        change(&mut case);
        match check(&case) {
            Verdict::Skipped(reason) => reason,
            verdict => panic!("{verdict:?}"),
        }
    };
    let reason = skipped(&|case| case.config.open_for = 0);
    assert!(reason.contains("open_for is 0"), "{reason}");
    let reason = skipped(&|case| case.config.open_for = 1 << 31);
    assert!(reason.contains("at most 2147483647"), "{reason}");
    let reason = skipped(&|case| case.config.half_open.permits = 2);
    assert!(reason.contains("2 for 1"), "{reason}");
}

#[test]
fn unknown_fields_and_names_are_errors() {
    let unknown = [
        r#"{"at": 0, "op": "check", "expect": {"stat": "open"}}"#,
        r#"{"at": 0, "op": "look"}"#,
        r#"{"at": 0, "op": "check", "expect": {"events": {"something_else": 0}}}"#,
        r#"{"at": 0, "op": "check", "expect": {"transitions": ["closed-open"]}}"#,
    ];
    for step in unknown {
        let json = format!(
            r#"{{"id": "T", "config": {{"window": {{"kind": "consecutive"}}, "open_for": 1}},
                "steps": [{step}]}}"#
        );
        assert!(serde_json::from_str::<Case>(&json).is_err(), "{step}");
    }
    let unknown_call = case(r#"{"at": 0, "op": "success", "call": "x"}"#);
    let Verdict::Failed(failure) = check(&unknown_call) else { panic!("it ended no call") };
    assert!(failure.to_string().contains("no call named x"), "{failure}");
}
