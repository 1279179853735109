//! Runs the suite on the host; `cargo xtask firmware --all` runs it on bare cores.

use microbreaker_trials::suite::{TESTS, scenarios};

#[test]
fn the_suite_passes() {
    assert!(scenarios() > 50, "only {} scenarios", scenarios());
    for (name, test) in TESTS {
        println!("{name}");
        test();
    }
}
