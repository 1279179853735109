//! Passes the linker scripts to the linker, and has it keep the relocations, which
//! tell which function refers to which: `cargo xtask firmware --all` follows them.

#[path = "../link.rs"]
mod link;

fn main() {
    link::main();
    println!("cargo:rustc-link-arg=--emit-relocs");
}
