//! `cargo xtask page`: tests the dashboard in a browser.

use xshell::{Shell, cmd};

use crate::tools;

/// Tests the dashboard of the admin routes in a headless Chromium.
pub(crate) fn run(sh: &Shell) -> anyhow::Result<()> {
    let find = |program, package| tools::find(program, package, "Chromium and its driver");
    tools::require(sh, true, |_| {
        let browser = find("chromium", &["chromium"]);
        browser.into_iter().chain(find("chromedriver", &["chromium-driver"])).collect()
    })?;
    Ok(cmd!(sh, "cargo test -p microbreaker-integration --test page -- --ignored").run()?)
}
