//! The dashboard in a real browser: `cargo xtask page`.

mod browser;
mod events;
mod figures;
mod keyboard;
mod looks;
mod many;
mod scene;
