//! `cargo xtask ci`: every check, step by step.

use std::env;
use std::io::{self, Read as _, Write as _};
use std::num::NonZeroUsize;
use std::process::Command;
use std::time::Instant;

use xshell::{Shell, cmd};

use crate::tools::{self, BOOTSTRAP_TARGET};

/// The core's features. They are additive: none, each, every two and all of them must
/// build on the host, and both none and all of them on bare metal.
const FEATURES: [&str; 8] = [
    "critical-section",
    "defmt",
    "embedded-hal",
    "embedded-hal-async",
    "embedded-io",
    "embedded-io-async",
    "history",
    "serde",
];

/// The features of microbreaker-std, each of which must build alone.
const STD_FEATURES: [&str; 18] = [
    "axum",
    "coarse-clock",
    "counts",
    "failover",
    "fleet",
    "http",
    "last-good",
    "latency",
    "macros",
    "metrics",
    "registry",
    "reqwest",
    "serde",
    "stream",
    "tokio",
    "tower",
    "tracing",
    "watch",
];

/// The crates that are published.
const PUBLISHED: [&str; 4] =
    ["microbreaker", "microbreaker-std", "microbreaker-macros", "microbreaker-fleet"];

/// Bare-metal targets, and whether they have compare-and-swap. Those without it build
/// only with the feature `critical-section`, and the compiler error says so.
const BARE_TARGETS: [(&str, bool); 4] = [
    ("thumbv7m-none-eabi", true),
    ("thumbv6m-none-eabi", false),
    ("riscv32imac-unknown-none-elf", true),
    ("riscv32imc-unknown-none-elf", false),
];

/// Targets of 8 and 16 bits, and the compiler flags that each needs.
const SMALL_TARGETS: [(&str, &str); 2] =
    [("avr-none", "-C target-cpu=atmega328p"), ("msp430-none-elf", "")];

/// The example that serves until it is stopped. `service-example/tests/example.rs` runs it, in
/// front of an upstream that goes wrong.
const SERVES: &str = "service";

/// How thoroughly the firmware's operations are interrupted here; by hand it is at every
/// instruction.
const EVERY: NonZeroUsize = NonZeroUsize::new(5).unwrap();

type Step = fn(&Shell) -> anyhow::Result<()>;

/// Their tests look at the time, or build what others then use.
const ALONE: [(&str, Step); 9] = [
    ("the host's format", format),
    ("the README's test command", test),
    ("the features of microbreaker-std", std_features),
    ("a fleet on a real server", fleet),
    ("a service under load", |_| {
        crate::load::run(&crate::load::Options { seconds: 15, debug: true })
    }),
    ("the page in a browser", crate::page::run),
    ("demo", demo),
    ("every contender in its phase", |_| crate::bench::run(&crate::bench::Options { quick: true })),
    ("stress on every core of this machine", |_| crate::stress::run()),
];

/// These run two at a time. They take turns so that both seldom build in the same folder.
const BESIDE: [(&str, Step); 22] = [
    ("loom models", |_| crate::loom::run(&crate::loom::Options::default())),
    ("the host's lints", lints),
    ("packages", |_| crate::packages::run()),
    ("the firmware's format and lints", crate::firmware::lint),
    ("firmware on every kind of core", |_| firmware(true)),
    ("the public APIs", |_| crate::api::run()),
    ("documentation", documentation),
    ("three thousand random histories", histories),
    ("hours of service on a virtual clock", |_| {
        crate::soak::run(&crate::soak::Options { hours: 8, seed: 7 })
    }),
    ("examples", examples),
    ("every pair of features on the host", feature_pairs),
    ("random schedules, and interrupts at every step", schedules),
    ("the oldest versions of dependencies", oldest_dependencies),
    ("the alerts for Prometheus", alerts),
    ("the commands' own tests", commands),
    ("footprint", |_| crate::footprint::check()),
    ("a target without a clock", |_| crate::wasm::run()),
    ("features on bare metal", bare_features),
    ("cores of 8 and 16 bits", small_cores),
    ("the thermometer", |_| firmware(false)),
    ("a breaker in a user's own loom model", users_model),
    ("what a loom build depends on", loom_dependencies),
];

/// Options of `cargo xtask ci`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only the steps whose heading contains this, one after the other
    filter: Option<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let shell = tools::shell()?;
    let Some(filter) = &options.filter else {
        ALONE.iter().try_for_each(|step| timed(step, &shell))?;
        return two_at_a_time(&BESIDE);
    };
    let steps = ALONE.iter().chain(&BESIDE);
    let mut chosen = steps.filter(|(name, _)| name.contains(filter.as_str())).peekable();
    anyhow::ensure!(chosen.peek().is_some(), "there is no such step");
    chosen.try_for_each(|step| timed(step, &shell))
}

fn timed((name, step): &(&str, Step), shell: &Shell) -> anyhow::Result<()> {
    println!("\n=== {name}");
    let start = Instant::now();
    let result = step(shell);
    let verdict = if result.is_ok() { "passed" } else { "FAILED" };
    println!("=== {name}: {verdict} in {:.0?}", start.elapsed());
    result
}

/// Runs each step in a process of its own, and prints what it printed when it has ended. No
/// further step begins after one has failed.
fn two_at_a_time(steps: &[(&str, Step)]) -> anyhow::Result<()> {
    let program = env::current_exe()?;
    tools::each(steps, 2, |(name, _)| {
        let (mut printed, both) = io::pipe()?;
        let mut step = Command::new(&program);
        step.args(["ci", name]).stdout(both.try_clone()?).stderr(both);
        let mut child = step.spawn()?;
        // It holds the ends that are written to.
        drop(step);
        let mut text = Vec::new();
        printed.read_to_end(&mut text)?;
        io::stdout().lock().write_all(&text)?;
        anyhow::ensure!(child.wait()?.success(), "{name} failed");
        Ok(true)
    })
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
    let _cases = sh.push_env("PROPTEST_CASES", "3000");
    Ok(cmd!(sh, "cargo test --release -p microbreaker-model --test properties").run()?)
}

fn lints(sh: &Shell) -> anyhow::Result<()> {
    cmd!(sh, "cargo clippy --workspace --all-targets -- -D warnings").run()?;
    Ok(cmd!(sh, "cargo clippy -p microbreaker --all-features -- -D warnings").run()?)
}

fn documentation(sh: &Shell) -> anyhow::Result<()> {
    let _flags = sh.push_env("RUSTDOCFLAGS", "-D warnings --cfg docsrs");
    // As on docs.rs, whose nightly compiler can show which feature enables an item;
    // a stable one can only with this set.
    let _bootstrap = sh.push_env("RUSTC_BOOTSTRAP", "1");
    let crates = PUBLISHED.map(|name| ["-p", name]);
    let crates = crates.as_flattened();
    Ok(cmd!(sh, "cargo doc --no-deps --all-features {crates...} --target-dir {BOOTSTRAP_TARGET}")
        .run()?)
}

/// Code of the core depends on one feature, or on two that meet. So this checks none, each,
/// every two and all of them, which is few: not the 256 subsets.
fn feature_pairs(sh: &Shell) -> anyhow::Result<()> {
    let singles = FEATURES.map(String::from);
    let pairs = FEATURES.iter().enumerate().flat_map(|(i, a)| {
        // A feature that another one enables makes no pair with it.
        let others = FEATURES[i + 1..].iter().filter(move |b| !b.starts_with(a));
        others.map(move |b| format!("{a},{b}"))
    });
    let ends = [String::new(), FEATURES.join(",")];
    for features in ends.into_iter().chain(singles).chain(pairs) {
        cmd!(sh, "cargo check --quiet -p microbreaker --lib --features {features}").run()?;
    }
    Ok(())
}

fn bare_features(sh: &Shell) -> anyhow::Result<()> {
    tools::require(sh, true, |sh| {
        BARE_TARGETS
            .iter()
            .filter_map(|(target, _)| tools::cargo_for(sh, &[target]).err())
            .collect()
    })?;
    for (target, has_cas) in BARE_TARGETS {
        let check = |features: &str| {
            let Ok(cargo) = tools::cargo_for(sh, &[target]) else {
                anyhow::bail!("no toolchain for {target}: `cargo xtask firmware --install`");
            };
            let args = ["check", "--quiet", "-p", "microbreaker", "--lib", "--target", target];
            anyhow::Ok(cargo.args(args).args(["--features", features]))
        };
        let needed = if has_cas { "" } else { "critical-section," };
        for features in ["", &FEATURES.join(",")] {
            check(&format!("{needed}{features}"))?.run()?;
        }
        if !has_cas {
            let refused = check("")?.quiet().ignore_status().read_stderr()?;
            anyhow::ensure!(
                refused.contains("critical-section"),
                "the error does not name the feature to enable: {refused}"
            );
        }
    }
    Ok(())
}

/// These cores have atomic loads and stores of at most 8 or 16 bits.
fn small_cores(sh: &Shell) -> anyhow::Result<()> {
    for (target, flags) in SMALL_TARGETS {
        let Ok(cargo) = tools::cargo_for(sh, &[target]) else {
            anyhow::bail!("no toolchain for {target}: `cargo xtask firmware --install`");
        };
        // A debug build of `core` is too large for AVR.
        let args = ["check", "--quiet", "--release", "-p", "microbreaker", "--lib"];
        let cargo = cargo.args(args).args(["--features", "critical-section"]);
        cargo.args(["--target", target]).env("RUSTFLAGS", flags).run()?;
    }
    Ok(())
}

fn std_features(sh: &Shell) -> anyhow::Result<()> {
    for feature in STD_FEATURES {
        cmd!(sh, "cargo check --quiet -p microbreaker-std --lib --no-default-features --features {feature}").run()?;
    }
    cmd!(sh, "cargo test -p microbreaker-std --all-features").run()?;
    require_prometheus(sh)?;
    Ok(cmd!(sh, "cargo test -p microbreaker-integration -p microbreaker-service-example").run()?)
}

fn fleet(sh: &Shell) -> anyhow::Result<()> {
    tools::require(sh, true, |_| crate::fleet::redis_server().into_iter().collect())?;
    cmd!(sh, "cargo test -p microbreaker-fleet --all-features").run()?;
    let options = crate::fleet::Options { quick: true, simulate: false, full: false };
    crate::fleet::run(sh, &options)?;
    crate::fleet::run(sh, &crate::fleet::Options { quick: false, simulate: true, full: false })
}

fn alerts(sh: &Shell) -> anyhow::Result<()> {
    require_prometheus(sh)?;
    cmd!(sh, "cargo test -p microbreaker-service-example --test prometheus").run()?;
    let _dir = sh.push_dir("std-adapter/telemetry");
    cmd!(sh, "promtool check rules alerts.yml").run()?;
    Ok(cmd!(sh, "promtool test rules alerts.test.yml").run()?)
}

fn require_prometheus(sh: &Shell) -> anyhow::Result<()> {
    let promtool = || tools::find("promtool", &["prometheus"], "a release of Prometheus");
    tools::require(sh, true, |_| promtool().into_iter().collect())
}

/// Builds the libraries with the oldest dependencies that they accept.
fn oldest_dependencies(sh: &Shell) -> anyhow::Result<()> {
    let copy = sh.current_dir().join("target/oldest/project");
    tools::copy_project(sh, &copy)?;
    let built = sh.current_dir().join("target/oldest/built");
    let _copy = sh.push_dir(copy);
    // Only the published members: the others' dependencies concern no user.
    let workspace = sh.read_file("Cargo.toml")?;
    let kept =
        |line: &&str| !["default-members =", "exclude ="].iter().any(|l| line.starts_with(l));
    let lines = workspace.lines().filter(kept).map(|line| {
        if line.starts_with("members =") {
            r#"members = ["core", "std-adapter", "macros", "fleet"]"#
        } else {
            line
        }
    });
    sh.write_file("Cargo.toml", lines.collect::<Vec<_>>().join("\n"))?;
    for folder in ["core", "std-adapter", "fleet"] {
        let manifest = format!("{folder}/Cargo.toml");
        sh.write_file(&manifest, without_dev_dependencies(&sh.read_file(&manifest)?))?;
    }
    // Stable cargo accepts `-Z` only with RUSTC_BOOTSTRAP set.
    cmd!(sh, "cargo generate-lockfile --quiet -Z direct-minimal-versions")
        .env("RUSTC_BOOTSTRAP", "1")
        .run()?;
    let crates = PUBLISHED.map(|name| ["-p", name]);
    let crates = crates.as_flattened();
    Ok(cmd!(sh, "cargo check --quiet {crates...} --lib --all-features --target-dir {built}")
        .run()?)
}

/// What only tests and examples need concerns no user either.
fn without_dev_dependencies(manifest: &str) -> String {
    let mut is_dev = false;
    let kept = manifest.lines().filter(|line| {
        if line.starts_with('[') {
            is_dev = line.ends_with("dev-dependencies]");
        }
        !is_dev
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// `--cfg loom` alone gives a crate outside the workspace a breaker made of loom's
/// atomics.
fn users_model(sh: &Shell) -> anyhow::Result<()> {
    let _example = sh.push_dir("loom-tests/example");
    cmd!(sh, "cargo fmt --check").run()?;
    cmd!(sh, "cargo test --quiet").run()?;
    let _flags = sh.push_env("RUSTFLAGS", "--cfg loom");
    let _bound = sh.push_env("LOOM_MAX_PREEMPTIONS", "1");
    Ok(cmd!(sh, "cargo test --quiet --release --target-dir target/loom").run()?)
}

/// `--cfg loom` changes other crates too, so the core must depend on no others.
fn loom_dependencies(sh: &Shell) -> anyhow::Result<()> {
    let _flags = sh.push_env("RUSTFLAGS", "--cfg loom");
    let tree = cmd!(sh, "cargo tree -p microbreaker -e normal --depth 1 --prefix none").read()?;
    let names: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    anyhow::ensure!(
        names == ["microbreaker", "loom", "pin-project-lite", "portable-atomic"],
        "the core depends on {names:?}"
    );
    Ok(())
}

fn demo(sh: &Shell) -> anyhow::Result<()> {
    Ok(cmd!(sh, "cargo demo").run()?)
}

/// Runs every example. Each asserts what it shows, but for [`SERVES`].
fn examples(sh: &Shell) -> anyhow::Result<()> {
    tools::require(sh, true, |_| crate::fleet::redis_server().into_iter().collect())?;
    let crates: [(_, _, &[&str]); 3] = [
        ("microbreaker", "core", &[]),
        ("microbreaker-std", "std-adapter", &["--all-features"]),
        ("microbreaker-service-example", "service-example", &[]),
    ];
    for (package, folder, features) in crates {
        for file in sh.read_dir(format!("{folder}/examples"))? {
            let Some(example) = file.file_stem() else { continue };
            if file.extension() != Some("rs".as_ref()) || example == SERVES {
                continue;
            }
            cmd!(sh, "cargo run --quiet -p {package} {features...} --example {example}").run()?;
        }
    }
    Ok(())
}

fn schedules(_: &Shell) -> anyhow::Result<()> {
    crate::shuttle::run(&crate::shuttle::Options { schedules: crate::shuttle::SCHEDULES })
}

fn firmware(all: bool) -> anyhow::Result<()> {
    let example = "thermometer".into();
    crate::firmware::run(&crate::firmware::Options { example, all, every: EVERY, install: true })
}

#[cfg(test)]
mod tests {
    use super::{ALONE, BESIDE};

    /// Each step is started by its heading, which must find no other.
    #[test]
    fn no_heading_contains_another() {
        let headings = || ALONE.iter().chain(&BESIDE).map(|(name, _)| *name);
        for name in headings() {
            assert_eq!(headings().filter(|heading| heading.contains(name)).count(), 1, "{name}");
        }
    }
}
