//! `cargo xtask scenarios` fails when a case does, and names the case and the step.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// An empty folder for the test `name`.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    // It may be left over from an earlier run.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn scenarios(arguments: &[&str]) -> Output {
    let command =
        Command::new(env!("CARGO_BIN_EXE_xtask")).arg("scenarios").args(arguments).output();
    command.unwrap()
}

fn stdout(output: &Output) -> String {
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
    let stdout = stdout(&output);
    assert!(stdout.contains("list.json: wrong One failure trips: FAILED at step 2, Failure a"));
    assert!(stdout.contains(r#"state: expected "half_open", breaker has "open""#), "{stdout}");
    assert!(stdout.contains(r#"state: expected "half_open", model has "open""#), "{stdout}");
    assert!(
        stdout.contains("refused One failure trips: skipped: ") && stdout.contains("open_for is 0")
    );
    assert!(
        stdout.contains("schema.json: schema: FAILED") && stdout.contains("`phase`"),
        "{stdout}"
    );
    assert_eq!(stdout.lines().last(), Some("1 passed, 2 failed, 1 skipped"));
}

#[test]
fn a_right_case_passes_and_is_drawn() {
    let folder = folder("right");
    let file = folder.join("case.json");
    fs::write(&file, case("../right", 9, r#"{"state": "open"}"#)).unwrap();

    let drawn = folder.join("drawn");
    let output = scenarios(&[file.to_str().unwrap(), "--draw", drawn.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), "1 passed, 0 failed, 0 skipped\n");
    let files: Vec<_> = fs::read_dir(&drawn).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files, [drawn.join("_right.svg")]);
    assert!(fs::read_to_string(&files[0]).unwrap().contains("One failure trips"));
}

#[test]
fn a_folder_without_cases_fails() {
    let output = scenarios(&[folder("none").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
}
