//! Passes the linker scripts to the linker, and has it keep the relocations. From these,
//! `cargo xtask firmware --all` finds out which function refers to which.

#[path = "../link.rs"]
mod link;

fn main() {
    link::main();
    println!("cargo:rustc-link-arg=--emit-relocs");
}
