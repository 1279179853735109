//! `cargo xtask api`: the public interface of the core, as a committed list.

use anyhow::Context as _;
use xshell::{Shell, cmd};

use crate::{expect, tools};

const LIST: &str = "core/api.txt";
const TARGET: &str = "target/api";

pub(crate) fn run() -> anyhow::Result<()> {
    let sh = tools::shell()?;
    let list = list(&sh)?;
    expect::same(&list, &sh.current_dir().join(LIST))
}

/// Every public item with all features, a line each, but for what is derived.
fn list(sh: &Shell) -> anyhow::Result<String> {
    // A stable compiler writes JSON only when told that it is bootstrapping.
    let _bootstrap = sh.push_env("RUSTC_BOOTSTRAP", "1");
    let options = ["-Z", "unstable-options", "--output-format", "json"];
    cmd!(sh, "cargo rustdoc --quiet -p microbreaker --lib --all-features --target-dir {TARGET} -- {options...}")
        .run()?;
    let json = sh.current_dir().join(TARGET).join("doc/microbreaker.json");
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .context("public-api does not read what this toolchain's rustdoc writes")?;
    Ok(api.items().map(|item| format!("{item}\n")).collect())
}
