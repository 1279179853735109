//! What `cargo demo` prints into a pipe. `UPDATE_EXPECT=1 cargo test` updates the
//! expected text.

use std::process::Command;

use expect_test::expect_file;

#[test]
fn the_demo_prints_its_script() {
    let output = Command::new(env!("CARGO_BIN_EXE_demo"))
        .env_remove("CLICOLOR_FORCE")
        .output()
        .expect("the demo starts");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).expect("the demo prints text");
    expect_file!["demo.expected"].assert_eq(&printed);
}
