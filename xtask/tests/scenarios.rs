//! `cargo xtask scenarios` fails when it should, and says where.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A folder of its own for the test called `name`.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    // It may be left over.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn scenarios(arguments: &[&str]) -> Output {
    let command =
        Command::new(env!("CARGO_BIN_EXE_xtask")).arg("scenarios").args(arguments).output();
    command.unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A breaker that trips at the first failure, and one expectation after that.
fn case(id: &str, open_for: u32, expect: &str) -> String {
    format!(
        r#"{{"id": "{id}", "title": "One failure trips",
            "config": {{"window": {{"kind": "consecutive"}}, "consecutive_failures": 1,
                        "open_for": {open_for}}},
            "steps": [{{"at": 0, "op": "acquire", "call": "a"}},
                      {{"at": 0, "op": "failure", "call": "a", "expect": {expect}}}]}}"#
    )
}

#[test]
fn a_wrong_expectation_fails_and_is_named() {
    let folder = folder("wrong");
    let right = case("right", 9, r#"{"state": "open"}"#);
    let wrong = case("wrong", 9, r#"{"state": "half_open", "calls": 1}"#);
    let refused = case("refused", 0, r#"{"state": "open"}"#);
    fs::write(folder.join("list.json"), format!("[{right}, {wrong}, {refused}]")).unwrap();
    fs::write(folder.join("schema.json"), case("schema", 9, r#"{"phase": "open"}"#)).unwrap();

    let output = scenarios(&[folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(said.contains("list.json: wrong One failure trips: FAILED at step 2, Failure a"));
    assert!(said.contains(r#"state: expected "half_open", breaker has "open""#), "{said}");
    assert!(said.contains(r#"state: expected "half_open", model has "open""#), "{said}");
    assert!(
        said.contains("refused One failure trips: skipped: ") && said.contains("open_for is 0")
    );
    assert!(said.contains("schema.json: schema: FAILED") && said.contains("`phase`"), "{said}");
    assert_eq!(said.lines().last(), Some("1 passed, 2 failed, 1 skipped"));
}

#[test]
fn right_ones_pass_and_are_drawn() {
    let folder = folder("right");
    let file = folder.join("case.json");
    fs::write(&file, case("../right", 9, r#"{"state": "open"}"#)).unwrap();

    let drawn = folder.join("drawn");
    let output = scenarios(&[file.to_str().unwrap(), "--draw", drawn.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(said(&output), "1 passed, 0 failed, 0 skipped\n");
    let files: Vec<_> = fs::read_dir(&drawn).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files, [drawn.join("_right.svg")]);
    assert!(fs::read_to_string(&files[0]).unwrap().contains("One failure trips"));
}

#[test]
fn no_cases_are_not_a_success() {
    let output = scenarios(&[folder("none").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
}
