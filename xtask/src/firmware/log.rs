//! The firmware's log: defmt frames, decoded with the format strings in the ELF file.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::thread::{self, JoinHandle};

use anyhow::{Context, bail};
use defmt_decoder::{DecodeError, Table};

/// Decodes `frames` on a thread until they end, and returns every line. Prints them too, if
/// `shows_log`.
pub(super) fn follow(
    elf: &Path,
    mut frames: impl Read + Send + 'static,
    shows_log: bool,
) -> anyhow::Result<JoinHandle<anyhow::Result<String>>> {
    let table = Table::parse(&fs::read(elf)?)?.context("the firmware has no defmt section")?;
    Ok(thread::spawn(move || {
        let mut decoder = table.new_stream_decoder();
        let mut buffer = [0; 1024];
        let mut lines = String::new();
        loop {
            match frames.read(&mut buffer)? {
                0 => return Ok(lines),
                length => decoder.received(&buffer[..length]),
            }
            loop {
                match decoder.decode() {
                    Ok(frame) => {
                        let line = format!("{}\n", frame.display(false));
                        if shows_log {
                            print!("  {line}");
                        }
                        lines += &line;
                    }
                    Err(DecodeError::UnexpectedEof) => break,
                    Err(DecodeError::Malformed) => bail!("the log holds a malformed frame"),
                }
            }
        }
    }))
}
