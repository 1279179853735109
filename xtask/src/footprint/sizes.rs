//! What takes up a program's memory.

use std::cmp::Reverse;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use object::elf::FileHeader32;
use object::read::elf::ElfFile;
use object::{Endianness, Object, ObjectSection, ObjectSymbol, SymbolKind};
use rustc_demangle::demangle;

/// In bytes.
pub(super) struct Sizes {
    pub(super) flash: u32,
    pub(super) ram: u32,
}

/// The sizes of `program`.
pub(super) fn of(program: &Path) -> anyhow::Result<Sizes> {
    let data = fs::read(program)?;
    let elf = ElfFile::<FileHeader32<Endianness>>::parse(&*data)?;
    let sum = |names: &[&str]| -> u32 {
        let sections = names.iter().filter_map(|name| elf.section_by_name(name));
        sections.map(|section| section.size() as u32).sum()
    };
    Ok(Sizes { flash: sum(&[".text", ".rodata", ".data"]), ram: sum(&[".data", ".bss"]) })
}

/// Prints the functions and constants of `program` with their sizes, largest first.
pub(super) fn list(program: &Path) -> anyhow::Result<()> {
    let data = fs::read(program)?;
    let elf = ElfFile::<FileHeader32<Endianness>>::parse(&*data)?;
    let kinds = [SymbolKind::Text, SymbolKind::Data];
    let symbols = elf.symbols().filter(|symbol| kinds.contains(&symbol.kind()));
    let mut symbols: Vec<_> = symbols.filter(|symbol| symbol.size() > 0).collect();
    symbols.sort_by_key(|symbol| Reverse(symbol.size()));
    let mut out = io::stdout().lock();
    for symbol in symbols {
        writeln!(out, "{:6} {:#}", symbol.size(), demangle(symbol.name()?))?;
    }
    Ok(())
}
