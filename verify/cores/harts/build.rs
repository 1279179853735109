//! Hands the linker scripts to the linker, and says that there are two harts.

#[path = "../link.rs"]
mod link;

fn main() {
    link::main();
    println!("cargo:rustc-link-arg=--defsym=_max_hart_id=1");
    // By default each has all of the stack: lld knows its size before the number of harts.
    println!("cargo:rustc-link-arg=--defsym=_hart_stack_size=0x4000");
}
