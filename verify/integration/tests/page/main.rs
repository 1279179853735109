//! The dashboard in a real browser: `cargo xtask page`.

mod browser;
mod events;
mod figures;
mod fleet;
mod keyboard;
mod looks;
mod many;
#[path = "../../../../fleet/tests/rig/mod.rs"]
mod rig;
mod scene;
