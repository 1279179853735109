//! The lines that `docs/services.md` begins with, pasted into a project of their own.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use anyhow::{Context as _, ensure};
use xshell::{Shell, cmd};

/// The host in the guide, in place of which a server of one answer listens.
const HOST: &str = "users.internal";
const ANSWER: &str = "Ada";

/// Where the crates are that the registry does not have yet.
const PATCH: &str = r#"
[patch.crates-io]
microbreaker = { path = "../consumer/microbreaker" }
microbreaker-std = { path = "../consumer/microbreaker-std" }

[workspace]
"#;

/// Makes the project in `folder`, beside the packaged crates, and checks what it prints.
pub(super) fn run(sh: &Shell, guide: &Path, folder: &Path) -> anyhow::Result<()> {
    let guide = sh.read_file(guide)?;
    let server = TcpListener::bind("127.0.0.1:0")?;
    let (manifest, main) = (block(&guide, "toml")?, block(&guide, "rust,no_run")?);
    ensure!(main.contains(HOST), "the guide does not call {HOST}");
    ensure!(main.lines().filter(|line| !line.is_empty()).count() <= 10, "more than 10 lines");
    let package = "[package]\nname = \"guide\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n";
    sh.write_file(folder.join("Cargo.toml"), format!("{package}{manifest}{PATCH}"))?;
    let main = main.replace(HOST, &server.local_addr()?.to_string());
    sh.write_file(folder.join("src/main.rs"), main)?;
    thread::spawn(move || {
        let (mut stream, _) = server.accept()?;
        let _ = stream.read(&mut [0; 1_024])?;
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{ANSWER}", ANSWER.len())
    });
    let _folder = sh.push_dir(folder);
    let printed = cmd!(sh, "cargo run --quiet").env("NO_PROXY", "*").read()?;
    ensure!(printed == ANSWER, "the guide's program printed {printed:?}");
    Ok(())
}

/// The first block of code in this language.
fn block<'a>(guide: &'a str, language: &str) -> anyhow::Result<&'a str> {
    let start = format!("```{language}\n");
    let (_, rest) = guide.split_once(&start).with_context(|| format!("no {language}"))?;
    Ok(rest.split_once("```").context("a block of code ends")?.0)
}
