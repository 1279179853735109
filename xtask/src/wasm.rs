//! `cargo xtask wasm`: the adapter's tests on a target without a clock, in node.

use crate::tools;

/// Has no clock, no threads and no unwinding.
const TARGET: &str = "wasm32-unknown-unknown";

/// All features but those whose crates need sockets: `axum`.
const FEATURES: &str = "counts,http,metrics,registry,serde,stream,tokio,tower,tracing,coarse-clock";

/// What a test needs of the standard library.
const LIBRARIES: &str = "std,panic_abort,test";

pub(crate) fn run() -> anyhow::Result<()> {
    let sh = tools::shell()?;
    tools::require(&sh, true, |sh| {
        let cargo = tools::cargo_with(sh, &[TARGET], LIBRARIES).err();
        cargo.into_iter().chain(tools::find("node", &["nodejs"], "https://nodejs.org")).collect()
    })?;
    let Ok(cargo) = tools::cargo_with(&sh, &[TARGET], LIBRARIES) else {
        anyhow::bail!("no toolchain for {TARGET}");
    };
    let script = sh.current_dir().join("xtask/src/wasm/run.mjs");
    let arguments = ["--quiet", "-p", "microbreaker-std", "--target", TARGET];
    let cargo = cargo
        .args(["test", "--test", "own_clock", "--features", FEATURES])
        .args(arguments)
        .args(["--target-dir", "target/wasm"])
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", format!("node {}", script.display()));
    Ok(cargo.run()?)
}
