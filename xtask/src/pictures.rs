//! `cargo xtask pictures`: draws the pictures of `docs/policies.md`.

use std::fs;

use microbreaker_scenarios::pictures::{folder, pictures};

/// Redraws every picture, and removes those whose scenario is gone.
pub(crate) fn run() -> anyhow::Result<()> {
    let pictures = pictures()?;
    fs::create_dir_all(folder())?;
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        if pictures.iter().all(|picture| picture.path != path) {
            fs::remove_file(path)?;
        }
    }
    for picture in &pictures {
        fs::write(&picture.path, &picture.svg)?;
    }
    println!("drew {} pictures in {}", pictures.len(), folder().display());
    Ok(())
}
