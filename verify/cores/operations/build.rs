//! Hands the linker scripts to the linker, and has it say which function
//! refers to which: `cargo xtask firmware --all` follows that.

#[path = "../link.rs"]
mod link;

fn main() {
    link::main();
    println!("cargo:rustc-link-arg=--emit-relocs");
}
