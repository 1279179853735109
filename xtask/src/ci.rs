//! `cargo xtask ci`

use std::time::Instant;

use xshell::{Shell, cmd};

use crate::tools;

/// The core's features; they are additive, so every subset must build.
const FEATURES: [&str; 4] = ["critical-section", "defmt", "embedded-hal", "history"];

type Step = fn(&Shell) -> anyhow::Result<()>;

const STEPS: [(&str, Step); 7] = [
    ("format", format),
    ("the README's test command", test),
    ("lints", lints),
    ("documentation", documentation),
    ("every subset of features", feature_subsets),
    ("demo", demo),
    ("benchmarks build", benches),
];

pub(crate) fn run() -> anyhow::Result<()> {
    let shell = tools::shell()?;
    for (name, step) in STEPS {
        timed(name, || step(&shell))?;
    }
    timed("loom models", || crate::loom::run(&crate::loom::Options::default()))?;
    timed("firmware", || crate::firmware::run(&crate::firmware::Options { install: true }))
}

fn timed(name: &str, step: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    println!("\n=== {name}");
    let start = Instant::now();
    let result = step();
    let verdict = if result.is_ok() { "passed" } else { "FAILED" };
    println!("=== {name}: {verdict} in {:.0?}", start.elapsed());
    result
}

fn format(sh: &Shell) -> anyhow::Result<()> {
    Ok(cmd!(sh, "cargo fmt --all --check").run()?)
}

fn test(sh: &Shell) -> anyhow::Result<()> {
    Ok(cmd!(sh, "cargo test").run()?)
}

fn lints(sh: &Shell) -> anyhow::Result<()> {
    cmd!(sh, "cargo clippy --workspace --all-targets -- -D warnings").run()?;
    Ok(cmd!(sh, "cargo clippy -p microbreaker --all-features -- -D warnings").run()?)
}

fn documentation(sh: &Shell) -> anyhow::Result<()> {
    let _flags = sh.push_env("RUSTDOCFLAGS", "-D warnings");
    Ok(cmd!(sh, "cargo doc --no-deps --all-features -p microbreaker -p microbreaker-std").run()?)
}

fn feature_subsets(sh: &Shell) -> anyhow::Result<()> {
    for subset in 0..1_u32 << FEATURES.len() {
        let features = (0..FEATURES.len())
            .filter(|feature| subset >> feature & 1 == 1)
            .map(|feature| FEATURES[feature])
            .collect::<Vec<_>>()
            .join(",");
        println!("host: {features}");
        cmd!(sh, "cargo check --quiet -p microbreaker --lib --features {features}")
            .quiet()
            .run()?;
    }
    Ok(())
}

fn demo(sh: &Shell) -> anyhow::Result<()> {
    Ok(cmd!(sh, "cargo demo").run()?)
}

fn benches(sh: &Shell) -> anyhow::Result<()> {
    Ok(cmd!(sh, "cargo bench --no-run -p microbreaker-benches").run()?)
}
