//! `cargo xtask ci`

use std::time::Instant;

use xshell::{Shell, cmd};

use crate::tools;

/// The core's features; they are additive, so every subset must build on the
/// host, and each alone and all together on bare metal.
const FEATURES: [&str; 5] = ["critical-section", "defmt", "embedded-hal", "history", "serde"];

/// Those of microbreaker-std, each of which must build alone.
const STD_FEATURES: [&str; 10] = [
    "coarse-clock",
    "counts",
    "http",
    "metrics",
    "registry",
    "serde",
    "stream",
    "tokio",
    "tower",
    "tracing",
];

/// Bare-metal targets, and whether they have compare-and-swap. Those that do
/// not build only with the feature `critical-section`, and say so without it.
const BARE_TARGETS: [(&str, bool); 4] = [
    ("thumbv7m-none-eabi", true),
    ("thumbv6m-none-eabi", false),
    ("riscv32imac-unknown-none-elf", true),
    ("riscv32imc-unknown-none-elf", false),
];

type Step = fn(&Shell) -> anyhow::Result<()>;

const STEPS: [(&str, Step); 13] = [
    ("format", format),
    ("the README's test command", test),
    ("the commands' own tests", commands),
    ("ten thousand random histories", histories),
    ("lints", lints),
    ("documentation", documentation),
    ("every subset of features on the host", feature_subsets),
    ("features on bare metal", bare_features),
    ("the features of microbreaker-std", std_features),
    ("alerts of Prometheus", alerts),
    ("demo", demo),
    ("the firmware's format and lints", crate::firmware::lint),
    ("benchmarks build", benches),
];

pub(crate) fn run() -> anyhow::Result<()> {
    let shell = tools::shell()?;
    for (name, step) in STEPS {
        timed(name, || step(&shell))?;
    }
    let schedules = crate::shuttle::Options { schedules: 100_000 };
    timed("random schedules, and interrupts at every step", || crate::shuttle::run(&schedules))?;
    timed("loom models", || crate::loom::run(&crate::loom::Options::default()))?;
    timed("every core of this machine at once", crate::stress::run)?;
    timed("firmware", || {
        crate::firmware::run(&crate::firmware::Options { all: false, install: true })
    })?;
    timed("every kind of core", || {
        crate::firmware::run(&crate::firmware::Options { all: true, install: true })
    })?;
    timed("footprint", crate::footprint::check)
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

fn commands(sh: &Shell) -> anyhow::Result<()> {
    Ok(cmd!(sh, "cargo test -p xtask").run()?)
}

fn histories(sh: &Shell) -> anyhow::Result<()> {
    let _cases = sh.push_env("PROPTEST_CASES", "10000");
    Ok(cmd!(sh, "cargo test --release -p microbreaker --test properties").run()?)
}

fn lints(sh: &Shell) -> anyhow::Result<()> {
    cmd!(sh, "cargo clippy --workspace --all-targets -- -D warnings").run()?;
    Ok(cmd!(sh, "cargo clippy -p microbreaker --all-features -- -D warnings").run()?)
}

fn documentation(sh: &Shell) -> anyhow::Result<()> {
    let _flags = sh.push_env("RUSTDOCFLAGS", "-D warnings");
    Ok(cmd!(sh, "cargo doc --no-deps --all-features -p microbreaker -p microbreaker-std").run()?)
}

/// Every subset of the core's features, as a list for cargo.
fn subsets() -> impl Iterator<Item = String> {
    (0..1_u32 << FEATURES.len()).map(|subset| {
        let chosen = FEATURES.iter().enumerate().filter(|(i, _)| subset >> i & 1 == 1);
        chosen.map(|(_, feature)| *feature).collect::<Vec<_>>().join(",")
    })
}

fn feature_subsets(sh: &Shell) -> anyhow::Result<()> {
    for features in subsets() {
        cmd!(sh, "cargo check --quiet -p microbreaker --lib --features {features}").run()?;
    }
    Ok(())
}

fn bare_features(sh: &Shell) -> anyhow::Result<()> {
    tools::require(sh, true, |sh| {
        BARE_TARGETS.iter().filter_map(|(target, _)| tools::cargo_for(sh, target).err()).collect()
    })?;
    for (target, has_cas) in BARE_TARGETS {
        let check = |features: &str| {
            let Ok(cargo) = tools::cargo_for(sh, target) else {
                anyhow::bail!("no toolchain for {target}: `cargo xtask firmware --install`");
            };
            let args = ["check", "--quiet", "-p", "microbreaker", "--lib", "--target-dir"];
            let cargo = cargo.args(args).arg("target/bare").args(["--target", target]);
            anyhow::Ok(cargo.args(["--features", features]))
        };
        let needed = if has_cas { "" } else { "critical-section," };
        for feature in FEATURES.iter().copied().chain(["", &FEATURES.join(",")]) {
            check(&format!("{needed}{feature}"))?.run()?;
        }
        if !has_cas {
            let refused = check("")?.quiet().ignore_status().read_stderr()?;
            anyhow::ensure!(refused.contains("critical-section"), "no hint: {refused}");
        }
    }
    Ok(())
}

fn std_features(sh: &Shell) -> anyhow::Result<()> {
    for feature in STD_FEATURES {
        cmd!(sh, "cargo check --quiet -p microbreaker-std --lib --features {feature}").run()?;
    }
    cmd!(sh, "cargo test -p microbreaker-std --all-features").run()?;
    Ok(cmd!(sh, "cargo test -p microbreaker-std-tests").run()?)
}

fn alerts(sh: &Shell) -> anyhow::Result<()> {
    let promtool = || tools::find("promtool", &["prometheus"], "a release of Prometheus");
    tools::require(sh, true, |_| promtool().into_iter().collect())?;
    let _dir = sh.push_dir("std-adapter/telemetry");
    cmd!(sh, "promtool check rules alerts.yml").run()?;
    Ok(cmd!(sh, "promtool test rules alerts.test.yml").run()?)
}

fn demo(sh: &Shell) -> anyhow::Result<()> {
    Ok(cmd!(sh, "cargo demo").run()?)
}

fn benches(sh: &Shell) -> anyhow::Result<()> {
    Ok(cmd!(sh, "cargo build --release -p microbreaker-benches").run()?)
}
