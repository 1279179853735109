//! Which functions of a linked program refer to which, directly or indirectly.
//!
//! The linker keeps the relocations (`--emit-relocs`). They list everything that a
//! function may call or point to, so its instructions need not be decoded.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use object::{Architecture, File, Object, ObjectSection, ObjectSymbol};
use object::{RelocationTarget, SymbolKind};
use rustc_demangle::demangle;

/// The functions of a program, by address.
pub(super) struct Functions(BTreeMap<u64, Function>);

struct Function {
    name: String,
    end: u64,
    /// The addresses of the functions that it refers to.
    refers_to: BTreeSet<u64>,
    masks_interrupts: bool,
}

impl Functions {
    pub(super) fn of(program: &Path) -> anyhow::Result<Self> {
        let data = fs::read(program)?;
        let elf = File::parse(&*data)?;
        let text = elf.section_by_name(".text").context("there is no .text")?;
        let (start, code) = (text.address(), text.data()?);
        let arm = elf.architecture() == Architecture::Arm;
        // On Arm, the lowest bit of an address marks Thumb code.
        let address = |address: u64| if arm { address & !1 } else { address };
        let mut functions = BTreeMap::new();
        for symbol in elf.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
            let begin = address(symbol.address());
            if symbol.size() == 0 || begin < start {
                continue;
            }
            let range = (begin - start) as usize..(begin - start + symbol.size()) as usize;
            let Some(code) = code.get(range) else { continue };
            let function = Function {
                name: format!("{:#}", demangle(symbol.name()?)),
                end: begin + symbol.size(),
                refers_to: BTreeSet::new(),
                masks_interrupts: if arm { masks_on_arm(code) } else { masks_on_riscv(code) },
            };
            functions.insert(begin, function);
        }
        let mut functions = Self(functions);
        for (place, relocation) in text.relocations() {
            let RelocationTarget::Symbol(index) = relocation.target() else { continue };
            let symbol = elf.symbol_by_index(index)?;
            let from_text = symbol.section_index() == Some(text.index());
            ensure!(
                !(from_text && symbol.kind() == SymbolKind::Section),
                "a relocation names .text itself: which function it means is unknown"
            );
            let to = functions.at(address(symbol.address())).filter(|_| from_text);
            if let (Some(to), Some(from)) = (to, functions.at(place)) {
                functions.0.entry(from).and_modify(|function| _ = function.refers_to.insert(to));
            }
        }
        Ok(functions)
    }

    /// The start of the function that contains `address`.
    fn at(&self, address: u64) -> Option<u64> {
        let (&begin, function) = self.0.range(..=address).next_back()?;
        (address < function.end).then_some(begin)
    }

    /// The functions whose names start with `prefix`.
    pub(super) fn named(&self, prefix: &str) -> Vec<u64> {
        let named = self.0.iter().filter(|(_, function)| function.name.starts_with(prefix));
        named.map(|(&begin, _)| begin).collect()
    }

    /// The name of a panicking function that `function` can reach, if any.
    pub(super) fn panics(&self, function: u64) -> Option<&str> {
        let names = self.reached_from(function).map(|function| function.name.as_str());
        names.into_iter().find(|name| name.contains("panic"))
    }

    /// Whether `function`, or any function that it can reach, masks interrupts.
    pub(super) fn masks(&self, function: u64) -> bool {
        self.reached_from(function).any(|function| function.masks_interrupts)
    }

    pub(super) fn name(&self, function: u64) -> &str {
        &self.0[&function].name
    }

    fn reached_from(&self, function: u64) -> impl Iterator<Item = &Function> {
        let (mut reached, mut next) = (BTreeSet::new(), vec![function]);
        while let Some(function) = next.pop() {
            if reached.insert(function) {
                next.extend(&self.0[&function].refers_to);
            }
        }
        reached.into_iter().map(|function| &self.0[&function])
    }
}

/// Whether `code` contains the bytes of a `cpsid i`.
fn masks_on_arm(code: &[u8]) -> bool {
    code.chunks_exact(2).any(|half| half == [0x72, 0xb6])
}

/// Whether `code` contains the bytes of an access to `mstatus`.
fn masks_on_riscv(code: &[u8]) -> bool {
    let is_access = |word: u32| word >> 20 == 0x300 && word & 0x7f == 0x73;
    let words = (0..code.len().saturating_sub(3)).step_by(2);
    words
        .filter_map(|at| code[at..at + 4].try_into().ok())
        .any(|word| is_access(u32::from_le_bytes(word)))
}
