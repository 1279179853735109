//! `cargo xtask api`: compares the public APIs of the published crates with committed lists.

use anyhow::Context as _;
use xshell::{Shell, cmd};

use crate::expect;
use crate::tools::{self, BOOTSTRAP_TARGET};

/// The published crates, each with its list.
const LISTS: [(&str, &str); 4] = [
    ("microbreaker", "core/api.txt"),
    ("microbreaker-std", "std-adapter/api.txt"),
    ("microbreaker-macros", "macros/api.txt"),
    ("microbreaker-fleet", "fleet/api.txt"),
];

pub(crate) fn run() -> anyhow::Result<()> {
    let sh = tools::shell()?;
    for (package, file) in LISTS {
        expect::same(&list(&sh, package)?, &sh.current_dir().join(file))?;
    }
    Ok(())
}

/// Every public item with all features, one per line, without derived impls.
fn list(sh: &Shell, package: &str) -> anyhow::Result<String> {
    // Stable rustdoc writes JSON only with this set.
    let _bootstrap = sh.push_env("RUSTC_BOOTSTRAP", "1");
    let options = ["-Z", "unstable-options", "--output-format", "json"];
    cmd!(sh, "cargo rustdoc --quiet -p {package} --lib --all-features --target-dir {BOOTSTRAP_TARGET} -- {options...}")
        .run()?;
    let json = format!("doc/{}.json", package.replace('-', "_"));
    let api =
        public_api::Builder::from_rustdoc_json(sh.current_dir().join(BOOTSTRAP_TARGET).join(json))
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(true)
            .omit_auto_derived_impls(true)
            .build()
            .context("public-api cannot read the JSON of this toolchain's rustdoc")?;
    Ok(api.items().map(|item| format!("{item}\n")).collect())
}
